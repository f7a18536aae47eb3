#include "broker/observe/observe_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "broker/observe/observe_judge.h"
#include "broker/observe/observe_trial.h"
#include "common/channel.h"
#include "common/fd.h"
#include "common/text.h"

/* Newer than the headers of Debian 12. */
enum { GET_MDWE = 66, LANDLOCK_ASK_VERSION = 1, CGROUP2_MAGIC = 0x63677270 };

static const struct {
    const char *name, *path;
} settings[HOST_SETTINGS] = {
    [HOST_MAX_USER_NAMESPACES] = {"user.max_user_namespaces", "/proc/sys/user/max_user_namespaces"},
    [HOST_UNPRIVILEGED_USERNS_CLONE] = {"kernel.unprivileged_userns_clone",
                                        "/proc/sys/kernel/unprivileged_userns_clone"},
    [HOST_APPARMOR_RESTRICTS_USERNS] = {"kernel.apparmor_restrict_unprivileged_userns",
                                        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns"},
};

const char *host_setting_name(enum host_setting setting)
{
    return settings[setting].name;
}

static int read_line(const char *path, char *out, size_t out_bytes)
{
    out[0] = '\0';
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno;
    errno = 0;
    int error = fgets(out, (int)out_bytes, file) != NULL ? 0 : errno != 0 ? errno : ENODATA;
    fclose(file);
    out[strcspn(out, "\n")] = '\0';
    return error;
}

static void read_setting(enum host_setting setting, struct host_setting_value *ret)
{
    char text[32], *end;
    *ret = (struct host_setting_value){.error = read_line(settings[setting].path, text, sizeof text)};
    if (ret->error != 0)
        return;
    ret->value = strtol(text, &end, 10);
    if (end == text || *end != '\0')
        ret->error = EBADMSG;
}

static int ask_descriptor_refusal(void)
{
    int ends[2] = {-1, -1};
    int error = channel_socketpair(true, &ends[0], &ends[1]);
    if (error == 0)
        error = channel_refuses_fds(ends[0]);
    fd_close_many(ends, 2);
    return -error;
}

static int ask_landlock(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_ASK_VERSION);
    return abi < 0 ? -errno : (int)abi;
}

static bool is_container(void)
{
    return access("/.dockerenv", F_OK) == 0 || access("/run/.containerenv", F_OK) == 0 || getenv("container") != NULL;
}

int host_observe(struct host_facts *ret_host)
{
    struct utsname name;
    struct statfs cgroups;
    memset(ret_host, 0, sizeof *ret_host);
    if (uname(&name) < 0)
        return -errno;
    text_escape(ret_host->kernel, sizeof ret_host->kernel, name.release, strlen(name.release));
    text_escape(ret_host->machine, sizeof ret_host->machine, name.machine, strlen(name.machine));
    ret_host->landlock_abi = ask_landlock();
    read_line("/proc/sys/kernel/seccomp/actions_avail", ret_host->seccomp_actions, sizeof ret_host->seccomp_actions);
    ret_host->descriptor_refusal = ask_descriptor_refusal();
    ret_host->write_execute = prctl(GET_MDWE, 0, 0, 0, 0) < 0 ? errno : 0;
    ret_host->no_new_privs = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 ? errno : 0;
    for (int i = 0; i < HOST_SETTINGS; i++)
        read_setting((enum host_setting)i, &ret_host->settings[i]);
    ret_host->has_cgroup2 = statfs("/sys/fs/cgroup", &cgroups) == 0 && cgroups.f_type == CGROUP2_MAGIC;
    ret_host->is_container = is_container();
    int error = observe_process(0, &ret_host->own);
    return error < 0 ? error : observe_try_namespaces(ret_host->tried);
}

static const char *error_name(int error)
{
    const char *name = strerrorname_np(error);
    return name != NULL ? name : "unknown error";
}

/* The setting that forbids user namespaces, if one of those we know does; else HOST_SETTINGS. */
static enum host_setting forbidding_setting(const struct host_facts *host)
{
    static const long forbids[HOST_SETTINGS] = {[HOST_APPARMOR_RESTRICTS_USERNS] = 1};
    int setting = 0;
    while (setting < HOST_SETTINGS &&
           (host->settings[setting].error != 0 || host->settings[setting].value != forbids[setting]))
        setting++;
    return (enum host_setting)setting;
}

static bool offers_namespace(const struct host_facts *host, Bulkhead__LayerFact__Layer layer, char *why)
{
    int error = host->tried[layer], user = host->tried[BULKHEAD__LAYER_FACT__LAYER__USER_NAMESPACE];
    enum host_setting setting = user != 0 ? forbidding_setting(host) : HOST_SETTINGS;
    if (error == 0)
        return true;
    int length = snprintf(why, HOST_WHY_BYTES, "refused to a process of ours: %s", error_name(error));
    if (setting != HOST_SETTINGS)
        snprintf(why + length, (size_t)(HOST_WHY_BYTES - length), " (%s is %ld)", settings[setting].name,
                 host->settings[setting].value);
    return false;
}

static bool offers_landlock(const struct host_facts *host, int needed, const char *release, char *why)
{
    if (host->landlock_abi >= needed)
        return true;
    if (host->landlock_abi < 0)
        snprintf(why, HOST_WHY_BYTES, "no Landlock in this kernel: %s", error_name(-host->landlock_abi));
    else
        snprintf(why, HOST_WHY_BYTES, "Landlock ABI %d; it takes %d (Linux %s)", host->landlock_abi, needed, release);
    return false;
}

/* A switch that is there shows in the kernel's words for ourselves: "thread vulnerable" can be changed, "vulnerable"
 * cannot. */
static bool offers_speculation_control(const struct host_facts *host, char *why)
{
    const struct observe_status *own = &host->own.status;
    struct observation freed = host->own;
    struct judgement judgement;
    const struct observe_expected nothing = {0};
    if (strncmp(own->store_bypass, "thread ", 7) == 0)
        strcpy(freed.status.store_bypass, "thread mitigated");
    if (strncmp(own->indirect_branch, "conditional ", 12) == 0)
        strcpy(freed.status.indirect_branch, "conditional disabled");
    observe_judge(BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL, &freed, &host->own, &nothing, &judgement);
    if (judgement.verdict != VERDICT_NOT_IN_FORCE)
        return true;
    snprintf(why, HOST_WHY_BYTES, "the kernel offers no switch (store bypass: %s, indirect branch: %s)",
             own->store_bypass, own->indirect_branch);
    return false;
}

static bool offers(int error, const char *what, char *why)
{
    if (error == 0)
        return true;
    snprintf(why, HOST_WHY_BYTES, "no %s in this kernel: %s", what, error_name(error));
    return false;
}

bool host_offers(const struct host_facts *host, Bulkhead__LayerFact__Layer layer, char ret_why[HOST_WHY_BYTES])
{
    ret_why[0] = '\0';
    if ((int)layer < HOST_TRIED)
        return offers_namespace(host, layer, ret_why);
    switch (layer) {
    case BULKHEAD__LAYER_FACT__LAYER__UNPRIVILEGED_ID:
        if (host->own.status.uids[1] != 0 || host->own.id_map.ids > 1 || host->own.errors[OBSERVE_ID_MAP] != 0)
            return true;
        snprintf(ret_why, HOST_WHY_BYTES, "no id but root's is mapped in this user namespace");
        return false;
    case BULKHEAD__LAYER_FACT__LAYER__NO_NEW_PRIVS:
        return offers(host->no_new_privs, "no_new_privs", ret_why);
    case BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_FILES:
        return offers_landlock(host, 1, "5.13", ret_why);
    case BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_NETWORK:
        return offers_landlock(host, 4, "6.7", ret_why);
    case BULKHEAD__LAYER_FACT__LAYER__LANDLOCK_SCOPES:
        return offers_landlock(host, 6, "6.12", ret_why);
    case BULKHEAD__LAYER_FACT__LAYER__MEMORY_DENY_WRITE_EXECUTE:
        return offers(host->write_execute, "PR_SET_MDWE (Linux 6.3)", ret_why);
    case BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL:
        return offers_speculation_control(host, ret_why);
    case BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS:
        return offers(host->descriptor_refusal, "SO_PASSRIGHTS (Linux 6.16)", ret_why);
    case BULKHEAD__LAYER_FACT__LAYER__SECCOMP:
        return offers(host->seccomp_actions[0] != '\0' ? 0 : ENOSYS, "seccomp filter", ret_why);
    default: /* what any kernel has */
        return true;
    }
}

void host_surroundings(const struct host_facts *host, char *out, size_t out_bytes)
{
    const struct observation *own = &host->own;
    size_t used = 0;
    out[0] = '\0';
    if (host->is_container)
        used += (size_t)snprintf(out + used, out_bytes - used, "a container");
    if (own->errors[OBSERVE_ID_MAP] == 0 && own->id_map.ids != UINT32_MAX && used < out_bytes)
        used += (size_t)snprintf(out + used, out_bytes - used, "%sa user namespace (uid_map \"%s\")",
                                 used > 0 ? ", " : "", own->id_map.first);
    if (own->status.pid_depth > 1 && used < out_bytes)
        used += (size_t)snprintf(out + used, out_bytes - used, "%sa pid namespace", used > 0 ? ", " : "");
    if (own->status.seccomp_mode == 2 && used < out_bytes)
        used += (size_t)snprintf(out + used, out_bytes - used, "%sa seccomp filter", used > 0 ? ", " : "");
    if (own->status.no_new_privs == 1 && used < out_bytes)
        used += (size_t)snprintf(out + used, out_bytes - used, "%sno_new_privs", used > 0 ? ", " : "");
    if (used == 0)
        snprintf(out, out_bytes, "nothing: the host's own namespaces, no filter");
}
