#include "broker/limits/cgroup_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/limits/cgroup_files.h"
#include "broker/limits/cgroup_find.h"
#include "common/fd.h"
#include "common/text.h"

/* A process may fork while it is moved; its child is then still where it was. */
enum { MOVE_ROUNDS = 8 };

static const char prefix[] = "bulkhead-", broker_leaf[] = "broker";

/* `memory` and `pids` are there, or there is no struct cgroup. */
static const char *const controllers[] = {"memory", "pids", "cpu"};
enum { CONTROLLERS = sizeof controllers / sizeof controllers[0] };

static int open_directory(int at_fd, const char *path)
{
    int fd = openat(at_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

/* Only names that are exactly ours, a word and a number: 0 is none. */
static unsigned long number_behind(const char *name, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(name, word, length) != 0 || name[length] < '1' || name[length] > '9' || strlen(name + length) > 10)
        return 0;
    char *end;
    unsigned long number = strtoul(name + length, &end, 10);
    return *end == '\0' && number <= INT32_MAX ? number : 0;
}

/* The names in a directory are walked on a descriptor of their own. */
static DIR *open_names(int directory_fd)
{
    int fd = open_directory(directory_fd, ".");
    DIR *names = fd < 0 ? NULL : fdopendir(fd);
    if (names == NULL && fd >= 0)
        close(fd);
    return names;
}

/* Empties the inside of a "bulkhead-PID". What still has a process in it stays: the kernel sees to that. */
static void remove_leaves(int own_fd)
{
    DIR *names = open_names(own_fd);
    struct dirent *entry;
    while (names != NULL && (entry = readdir(names)) != NULL)
        if (number_behind(entry->d_name, CGROUP_RENDERER) != 0)
            unlinkat(own_fd, entry->d_name, AT_REMOVEDIR);
    if (names != NULL)
        closedir(names);
    unlinkat(own_fd, broker_leaf, AT_REMOVEDIR);
}

static bool is_populated(int own_fd)
{
    uint64_t populated;
    return cgroup_file_read_key(own_fd, "cgroup.events", "populated", &populated) < 0 || populated != 0;
}

/* Of a broker that was killed: its number is nobody's, and nobody is in there. */
static void remove_stale(int directory_fd)
{
    DIR *names = open_names(directory_fd);
    struct dirent *entry;
    while (names != NULL && (entry = readdir(names)) != NULL) {
        unsigned long pid = number_behind(entry->d_name, prefix);
        if (pid == 0 || kill((pid_t)pid, 0) == 0 || errno != ESRCH)
            continue;
        _fd_cleanup_ int own_fd = open_directory(directory_fd, entry->d_name);
        if (own_fd < 0 || is_populated(own_fd))
            continue;
        remove_leaves(own_fd);
        unlinkat(directory_fd, entry->d_name, AT_REMOVEDIR);
    }
    if (names != NULL)
        closedir(names);
}

struct move {
    int to_fd;
    const char *to_path;
};

static int move_one(pid_t pid, void *userdata)
{
    struct move *move = userdata;
    int error = cgroup_file_write_number(move->to_fd, move->to_path, (uint64_t)pid);
    return error == -ESRCH ? 0 : error; /* it ended meanwhile */
}

static int move_all(int from_fd, const char *from_path, int to_fd, const char *to_path)
{
    struct move move = {.to_fd = to_fd, .to_path = to_path};
    return cgroup_file_each_pid(from_fd, from_path, move_one, &move);
}

/* What the children of a directory are to get that they have not yet: what is switched on already is somebody else's to
 * switch off. */
static int plan_controllers(struct cgroup *cgroup)
{
    char there[256], on[256];
    size_t used = 0;
    int error = cgroup_file_read(cgroup->directory_fd, "cgroup.controllers", there, sizeof there);
    if (error == 0)
        error = cgroup_file_read(cgroup->directory_fd, "cgroup.subtree_control", on, sizeof on);
    if (error < 0)
        return error;
    cgroup->has_cpu = cgroup_text_has_word(there, "cpu");
    for (size_t i = 0; i < CONTROLLERS; i++) {
        if (!cgroup_text_has_word(there, controllers[i]) || cgroup_text_has_word(on, controllers[i]))
            continue;
        snprintf(cgroup->enable + used, CGROUP_CONTROL_BYTES - used, "%s+%s", used > 0 ? " " : "", controllers[i]);
        snprintf(cgroup->disable + used, CGROUP_CONTROL_BYTES - used, "%s-%s", used > 0 ? " " : "", controllers[i]);
        used = strlen(cgroup->enable);
    }
    return 0;
}

static int enable_outside(struct cgroup *cgroup)
{
    int error = -EBUSY;
    for (int round = 0; error == -EBUSY && round < MOVE_ROUNDS; round++) {
        error = move_all(cgroup->directory_fd, "cgroup.procs", cgroup->own_fd, "broker/cgroup.procs");
        if (error == 0 && cgroup->enable[0] != '\0')
            error = cgroup_file_write(cgroup->directory_fd, "cgroup.subtree_control", cgroup->enable);
    }
    return error;
}

/* A new cgroup inherits nothing that is switched on: all of them, for its own children. */
static int enable_inside(const struct cgroup *cgroup)
{
    return cgroup_file_write(cgroup->own_fd, "cgroup.subtree_control",
                             cgroup->has_cpu ? "+memory +pids +cpu" : "+memory +pids");
}

static int divide(struct cgroup *cgroup)
{
    if (mkdirat(cgroup->directory_fd, cgroup->name, 0755) < 0 && errno != EEXIST)
        return -errno;
    cgroup->own_fd = open_directory(cgroup->directory_fd, cgroup->name);
    if (cgroup->own_fd < 0)
        return cgroup->own_fd;
    if (mkdirat(cgroup->own_fd, broker_leaf, 0755) < 0 && errno != EEXIST)
        return -errno;
    cgroup->is_divided = true;
    int error = enable_outside(cgroup);
    return error < 0 ? error : enable_inside(cgroup);
}

/* Inside before outside: a controller that a child hands on cannot be switched off. Only then may there be processes in
 * the outer cgroup again. */
static void put_back(struct cgroup *cgroup)
{
    if (cgroup->is_divided) {
        cgroup_file_write(cgroup->own_fd, "cgroup.subtree_control",
                          cgroup->has_cpu ? "-memory -pids -cpu" : "-memory -pids");
        if (cgroup->disable[0] != '\0')
            cgroup_file_write(cgroup->directory_fd, "cgroup.subtree_control", cgroup->disable);
        move_all(cgroup->own_fd, "broker/cgroup.procs", cgroup->directory_fd, "cgroup.procs");
    }
    if (cgroup->own_fd >= 0) {
        remove_leaves(cgroup->own_fd);
        unlinkat(cgroup->directory_fd, cgroup->name, AT_REMOVEDIR);
    }
}

static int prepare(struct cgroup *cgroup, const char *proc, char *ret_why, size_t why_bytes)
{
    cgroup->directory_fd = open_directory(AT_FDCWD, cgroup->directory);
    int error = cgroup->directory_fd;
    if (error >= 0)
        error = cgroup_find_may_divide(proc, cgroup->directory_fd, ret_why, why_bytes);
    else
        snprintf(ret_why, why_bytes, "it cannot be opened: %s", strerror(-error));
    if (error < 0)
        return error;
    remove_stale(cgroup->directory_fd);
    error = plan_controllers(cgroup);
    if (error == 0)
        error = divide(cgroup);
    if (error < 0) {
        snprintf(ret_why, why_bytes, "it could not be divided: %s", strerror(-error));
        put_back(cgroup);
    }
    return error;
}

static void cgroup_free(struct cgroup *cgroup)
{
    fd_close(&cgroup->own_fd);
    fd_close(&cgroup->directory_fd);
    free(cgroup);
}

int cgroup_create(const char *proc, struct cgroup **ret_cgroup, char *ret_why, size_t why_bytes)
{
    char directory[256], reason[160];
    snprintf(ret_why, why_bytes, "%s", strerror(ENOMEM));
    struct cgroup *cgroup = calloc(1, sizeof *cgroup);
    if (cgroup == NULL)
        return -ENOMEM;
    cgroup->directory_fd = cgroup->own_fd = -1;
    snprintf(cgroup->name, sizeof cgroup->name, "%s%d", prefix, (int)getpid());
    int error = cgroup_find(proc, cgroup->directory, sizeof cgroup->directory, ret_why, why_bytes);
    if (error == 0) {
        error = prepare(cgroup, proc, reason, sizeof reason);
        text_escape(directory, sizeof directory, cgroup->directory, strlen(cgroup->directory));
        if (error < 0)
            snprintf(ret_why, why_bytes, "%s: %s", directory, reason);
    }
    if (error < 0) {
        cgroup_free(cgroup);
        return error;
    }
    *ret_cgroup = cgroup;
    return 0;
}

void cgroup_destroy(struct cgroup *cgroup)
{
    if (cgroup == NULL)
        return;
    put_back(cgroup);
    cgroup_free(cgroup);
}
