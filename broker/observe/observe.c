#include "broker/observe/observe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/text.h"

enum {
    /* 65530 mappings, the kernel's own limit, of some 100 bytes. */
    FILE_BYTES_MAX = 16 << 20,
    FIRST_BYTES = 16 << 10,
    THREADS_MAX = 1024,
};

static const char *const namespace_files[OBSERVE_NAMESPACES_COUNT] = {
    [OBSERVE_NS_USER] = "user", [OBSERVE_NS_MOUNT] = "mnt",
    [OBSERVE_NS_PID] = "pid",   [OBSERVE_NS_PID_FOR_CHILDREN] = "pid_for_children",
    [OBSERVE_NS_NET] = "net",   [OBSERVE_NS_IPC] = "ipc",
    [OBSERVE_NS_UTS] = "uts",   [OBSERVE_NS_CGROUP] = "cgroup",
};

/* Twice the room; frees the text where there is no more to be had. */
static char *grow(char *text, size_t *capacity)
{
    *capacity *= 2;
    char *grown = *capacity <= FILE_BYTES_MAX ? realloc(text, *capacity) : NULL;
    if (grown == NULL)
        free(text);
    return grown;
}

/* A whole file below the process's directory; owned by the caller. A zombie's files are empty, or cannot be read. */
static int read_text(int directory, const char *name, char **ret_text)
{
    _fd_cleanup_ int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    size_t used = 0, capacity = FIRST_BYTES;
    char *text = malloc(capacity);
    while (text != NULL) {
        ssize_t got = read(fd, text + used, capacity - used - 1);
        if (got < 0 && errno != EINTR) {
            int error = errno;
            free(text);
            return -error;
        }
        if (got == 0)
            break;
        used += got > 0 ? (size_t)got : 0;
        if (used + 1 == capacity)
            text = grow(text, &capacity);
    }
    if (text == NULL)
        return -ENOMEM;
    text[used] = '\0';
    *ret_text = text;
    return 0;
}

/* NULL with errno. */
static DIR *open_directory(int directory, const char *name)
{
    _fd_cleanup_ int fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing != NULL)
        fd_steal(&fd);
    return listing;
}

/* The next entry but "." and ".."; NULL at the end. */
static const struct dirent *next_entry(DIR *listing)
{
    const struct dirent *entry;
    do
        entry = readdir(listing);
    while (entry != NULL && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0));
    return entry;
}

static int read_thread(int directory, const char *thread, struct observe_status *ret_status)
{
    char path[288], *text;
    snprintf(path, sizeof path, "task/%s/status", thread);
    int rc = read_text(directory, path, &text);
    if (rc < 0)
        return rc;
    rc = observe_parse_status(text, ret_status);
    free(text);
    return rc;
}

/* A thread that ends meanwhile is no error; that there is none left is. */
static int read_status(int directory, struct observation *ret)
{
    struct observe_status status;
    struct stat file = {0};
    DIR *listing = open_directory(directory, "task");
    const struct dirent *entry;
    int rc = 0;
    if (listing == NULL)
        return -errno;
    while (rc == 0 && ret->threads < THREADS_MAX && (entry = next_entry(listing)) != NULL) {
        rc = read_thread(directory, entry->d_name, &status);
        if (rc == 0 && ret->threads++ == 0)
            ret->status = status;
        else if (rc == 0)
            observe_weaken_status(&ret->status, &status);
        if (rc == -ESRCH || rc == -ENOENT)
            rc = 0;
    }
    closedir(listing);
    if (rc == 0 && ret->threads == 0)
        rc = -ESRCH;
    if (rc == 0 && fstatat(directory, "status", &file, 0) < 0)
        rc = -errno;
    ret->owner = file.st_uid;
    return rc;
}

static int take_limits(const char *text, struct observation *ret)
{
    return observe_parse_limits(text, &ret->limits);
}

/* Names in there are other people's. */
static void escape(char *text, size_t text_bytes)
{
    char raw[OBSERVE_LINE_BYTES];
    size_t length = strlen(text);
    length = length < sizeof raw ? length : sizeof raw - 1;
    memcpy(raw, text, length);
    text_escape(text, text_bytes, raw, length);
}

static int take_mounts(const char *text, struct observation *ret)
{
    int rc = observe_parse_mounts(text, &ret->mounts);
    escape(ret->mounts.first_point, sizeof ret->mounts.first_point);
    escape(ret->mounts.first_type, sizeof ret->mounts.first_type);
    return rc;
}

static int take_id_map(const char *text, struct observation *ret)
{
    return observe_parse_id_map(text, &ret->id_map);
}

static int take_network(const char *text, struct observation *ret)
{
    int rc = observe_parse_network(text, &ret->network);
    escape(ret->network.interfaces, sizeof ret->network.interfaces);
    return rc;
}

static int take_maps(const char *text, struct observation *ret)
{
    int rc = observe_parse_maps(text, &ret->maps);
    escape(ret->maps.first, sizeof ret->maps.first);
    return rc;
}

static int take_cgroup(const char *text, struct observation *ret)
{
    char path[256];
    int rc = observe_parse_cgroup(text, path, sizeof path);
    if (rc == 0)
        text_escape(ret->cgroup, sizeof ret->cgroup, path, strlen(path));
    return rc;
}

/* All or nothing: a kernel that lacks one of them has an empty name there. */
static int read_namespaces(int directory, struct observation *ret)
{
    for (size_t i = 0; i < OBSERVE_NAMESPACES_COUNT; i++) {
        char path[32], *link = ret->namespaces[i];
        snprintf(path, sizeof path, "ns/%s", namespace_files[i]);
        ssize_t length = readlinkat(directory, path, link, OBSERVE_LINK_BYTES - 1);
        if (length < 0 && errno != ENOENT)
            return -errno;
        link[length < 0 ? 0 : length] = '\0';
        const char *kind = i == OBSERVE_NS_PID_FOR_CHILDREN ? "pid" : namespace_files[i];
        if (length >= 0 && !observe_is_namespace(link, kind))
            return -EBADMSG;
    }
    return 0;
}

static int read_root(int directory, struct observation *ret)
{
    DIR *listing = open_directory(directory, "root");
    if (listing == NULL)
        return -errno;
    while (next_entry(listing) != NULL)
        ret->root_entries++;
    closedir(listing);
    return 0;
}

static int read_fds(int directory, struct observation *ret)
{
    char target[512];
    DIR *listing = open_directory(directory, "fd");
    const struct dirent *entry;
    if (listing == NULL)
        return -errno;
    while ((entry = next_entry(listing)) != NULL) {
        ssize_t length = readlinkat(dirfd(listing), entry->d_name, target, sizeof target);
        if (length < 0)
            continue; /* closed meanwhile */
        if (ret->fd_count < OBSERVE_FDS_MAX) {
            struct observe_fd *fd = &ret->fds[ret->fd_count];
            fd->number = atoi(entry->d_name);
            text_escape(fd->target, sizeof fd->target, target, (size_t)length);
        }
        ret->fd_count++;
    }
    closedir(listing);
    return 0;
}

/* `take` understands the text of one file, `read` does all by itself. */
static const struct source {
    const char *name;
    int (*take)(const char *text, struct observation *ret);
    int (*read)(int directory, struct observation *ret);
} sources[OBSERVE_SOURCES] = {
    [OBSERVE_STATUS] = {.name = "status", .read = read_status},
    [OBSERVE_LIMITS] = {.name = "limits", .take = take_limits},
    [OBSERVE_MOUNTS] = {.name = "mountinfo", .take = take_mounts},
    [OBSERVE_ID_MAP] = {.name = "uid_map", .take = take_id_map},
    [OBSERVE_NETWORK] = {.name = "net/dev", .take = take_network},
    [OBSERVE_CGROUP] = {.name = "cgroup", .take = take_cgroup},
    [OBSERVE_NAMESPACES] = {.name = "ns", .read = read_namespaces},
    [OBSERVE_ROOT] = {.name = "root", .read = read_root},
    [OBSERVE_FDS] = {.name = "fd", .read = read_fds},
    [OBSERVE_MAPS] = {.name = "maps", .take = take_maps},
};

static int read_source(int directory, const struct source *source, struct observation *ret)
{
    char *text = NULL;
    if (source->read != NULL)
        return source->read(directory, ret);
    int rc = read_text(directory, source->name, &text);
    if (rc < 0)
        return rc;
    rc = source->take(text, ret);
    free(text);
    return rc;
}

/* A /proc of another pid namespace than ours numbers other processes; its "self" does not name us by our number. */
static bool is_proc_ours(void)
{
    char self[16] = "";
    return readlink("/proc/self", self, sizeof self - 1) > 0 && atoi(self) == getpid();
}

int observe_process(pid_t pid, struct observation *ret_observation)
{
    char path[32] = "/proc/self";
    memset(ret_observation, 0, sizeof *ret_observation);
    ret_observation->pid = pid != 0 ? pid : getpid();
    if (pid != 0)
        snprintf(path, sizeof path, "/proc/%d", (int)pid);
    if (pid != 0 && !is_proc_ours()) {
        for (size_t i = 0; i < OBSERVE_SOURCES; i++)
            ret_observation->errors[i] = EXDEV;
        return 0;
    }
    _fd_cleanup_ int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    for (size_t i = 0; i < OBSERVE_SOURCES; i++)
        ret_observation->errors[i] = -read_source(directory, &sources[i], ret_observation);
    return ret_observation->errors[OBSERVE_STATUS] == ESRCH ? -ESRCH : 0;
}

const char *observe_source_name(enum observe_source source)
{
    return sources[source].name;
}
