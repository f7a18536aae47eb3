#include "broker/limits/cgroup_find.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "broker/limits/cgroup_files.h"
#include "common/fd.h"

/* From a process to its forefathers: no honest chain is longer. */
enum { GENERATIONS = 128 };

static int refuse(char *ret_why, size_t why_bytes, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int refuse(char *ret_why, size_t why_bytes, int error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(ret_why, why_bytes, format, arguments);
    va_end(arguments);
    return -error;
}

/* The path on the line "0::PATH" of /proc/self/cgroup; owned, NULL if there is none. The kernel lets no newline into a
 * cgroup's name. */
static char *read_own_path(const char *proc)
{
    char file_name[PATH_MAX], *line = NULL, *path = NULL;
    size_t size = 0;
    ssize_t length;
    snprintf(file_name, sizeof file_name, "%s/self/cgroup", proc);
    FILE *file = fopen(file_name, "re");
    while (file != NULL && path == NULL && (length = getline(&line, &size, file)) > 0) {
        if (line[length - 1] == '\n')
            line[length - 1] = '\0';
        if (strncmp(line, "0::/", 4) == 0)
            path = strdup(line + 3);
    }
    if (file != NULL)
        fclose(file);
    free(line);
    return path;
}

/* Paths in mountinfo have blanks and backslashes as \ooo. */
static void unescape(char *text)
{
    char *out = text;
    for (const char *in = text; *in != '\0'; out++) {
        if (in[0] == '\\' && in[1] >= '0' && in[1] <= '3' && in[2] >= '0' && in[2] <= '7' && in[3] >= '0' &&
            in[3] <= '7') {
            *out = (char)((in[1] - '0') << 6 | (in[2] - '0') << 3 | (in[3] - '0'));
            in += 4;
        } else {
            *out = *in++;
        }
    }
    *out = '\0';
}

/* "36 35 98:0 ROOT MOUNT_POINT rw,noatime master:1 - TYPE SOURCE rw": root and mount point of a cgroup2 file system,
 * cut out of the line. */
static bool parse_mount(char *line, char **ret_root, char **ret_mount_point)
{
    char *rest = line, *fields[5];
    char *type = strstr(line, " - ");
    if (type == NULL || strncmp(type + 3, "cgroup2 ", 8) != 0)
        return false;
    for (size_t i = 0; i < 5; i++) {
        fields[i] = strsep(&rest, " ");
        if (rest == NULL)
            return false;
    }
    unescape(fields[3]);
    unescape(fields[4]);
    *ret_root = fields[3];
    *ret_mount_point = fields[4];
    return true;
}

/* Where `path` of the tree is to be seen in a mount that shows the tree from `root` on. */
static bool join(const char *mount_point, const char *root, const char *path, char *out, size_t out_bytes)
{
    size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    if (strncmp(path, root, length) != 0 || (path[length] != '/' && path[length] != '\0'))
        return false;
    const char *below = path + length;
    if (strcmp(below, "/") == 0)
        below = "";
    int used = snprintf(out, out_bytes, "%s%s", mount_point, below);
    return used > 0 && (size_t)used < out_bytes;
}

/* "/..": outside of our cgroup namespace, or a mount made there. */
static bool is_outside(const char *path)
{
    size_t length = strlen(path);
    return strstr(path, "/../") != NULL || (length >= 3 && strcmp(path + length - 3, "/..") == 0);
}

static int find_mount(const char *proc, const char *path, char *ret_directory, size_t directory_bytes)
{
    char file_name[PATH_MAX], *line = NULL, *root, *mount_point;
    size_t size = 0;
    bool is_found = false;
    snprintf(file_name, sizeof file_name, "%s/self/mountinfo", proc);
    FILE *file = fopen(file_name, "re");
    if (file == NULL)
        return -errno;
    while (!is_found && getline(&line, &size, file) > 0)
        is_found = parse_mount(line, &root, &mount_point) && !is_outside(root) &&
                   join(mount_point, root, path, ret_directory, directory_bytes);
    fclose(file);
    free(line);
    return is_found ? 0 : -ENOENT;
}

int cgroup_find(const char *proc, char *ret_directory, size_t directory_bytes, char *ret_why, size_t why_bytes)
{
    char *path = read_own_path(proc);
    if (path == NULL)
        return refuse(ret_why, why_bytes, ENOENT, "this kernel has no cgroup v2");
    int error = is_outside(path) ? -ENOENT : find_mount(proc, path, ret_directory, directory_bytes);
    free(path);
    if (error < 0)
        return refuse(ret_why, why_bytes, -error, "no cgroup v2 file system that shows this process is mounted");
    return 0;
}

/* 0: it cannot be known. */
static pid_t parent_of(const char *proc, pid_t pid)
{
    char file_name[PATH_MAX], line[256];
    int parent = 0;
    snprintf(file_name, sizeof file_name, "%s/%d/status", proc, (int)pid);
    FILE *file = fopen(file_name, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "PPid: %d", &parent) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return parent;
}

struct search {
    const char *proc;
    pid_t stranger;
    bool has_stranger, has_us;
};

static int look_at(pid_t pid, void *userdata)
{
    struct search *search = userdata;
    pid_t at = pid;
    search->has_us |= pid == getpid();
    for (int i = 0; i < GENERATIONS && at > 1 && at != getpid(); i++)
        at = parent_of(search->proc, at);
    if (at == getpid())
        return 0;
    search->has_stranger = true;
    search->stranger = pid;
    return 0;
}

static int check_processes(const char *proc, int directory_fd, char *ret_why, size_t why_bytes)
{
    struct search search = {.proc = proc};
    int error = cgroup_file_each_pid(directory_fd, "cgroup.procs", look_at, &search);
    if (error < 0)
        return refuse(ret_why, why_bytes, -error, "its processes cannot be listed");
    if (search.has_stranger && search.stranger == 0)
        return refuse(ret_why, why_bytes, EBUSY, "it holds processes of another PID namespace too");
    if (search.has_stranger)
        return refuse(ret_why, why_bytes, EBUSY, "it holds other processes too (%d)", (int)search.stranger);
    if (!search.has_us)
        return refuse(ret_why, why_bytes, ESRCH, "this process is not in it");
    return 0;
}

static bool is_marked(int directory_fd)
{
    static const char *const names[] = {"trusted.delegate", "user.delegate"};
    char value[8];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ssize_t length = fgetxattr(directory_fd, names[i], value, sizeof value);
        if (length == 1 && value[0] == '1')
            return true;
    }
    return false;
}

/* Root may write any cgroup, so that writing says nothing: it takes the mark of systemd's Delegate=, or a cgroup
 * namespace, which is a border of delegation by itself. */
static bool is_delegated_to_root(const char *proc, int directory_fd)
{
    char *path = read_own_path(proc);
    bool is_namespace_root = path != NULL && strcmp(path, "/") == 0;
    free(path);
    return is_namespace_root || is_marked(directory_fd);
}

static int check_delegation(const char *proc, int directory_fd, char *ret_why, size_t why_bytes)
{
    static const char *const files[] = {".", "cgroup.procs", "cgroup.subtree_control"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        int error = -fd_access(directory_fd, files[i], W_OK);
        if (error == 0)
            continue;
        if (error == EACCES || error == EPERM)
            return refuse(ret_why, why_bytes, error, "it is not delegated to this user");
        return refuse(ret_why, why_bytes, error, "it cannot be written: %s", strerror(error));
    }
    if (geteuid() == 0 && !is_delegated_to_root(proc, directory_fd))
        return refuse(ret_why, why_bytes, EPERM, "nobody delegated it");
    return 0;
}

int cgroup_find_may_divide(const char *proc, int directory_fd, char *ret_why, size_t why_bytes)
{
    char type[32], controllers[256];
    int error = cgroup_file_read(directory_fd, "cgroup.controllers", controllers, sizeof controllers);
    if (error < 0)
        return refuse(ret_why, why_bytes, -error, "its controllers cannot be read: %s", strerror(-error));
    if (!cgroup_text_has_word(controllers, "memory") || !cgroup_text_has_word(controllers, "pids"))
        return refuse(ret_why, why_bytes, ENOTSUP, "it has no %s controller",
                      cgroup_text_has_word(controllers, "memory") ? "pids" : "memory");
    error = cgroup_file_read(directory_fd, "cgroup.type", type, sizeof type);
    if (error == -ENOENT)
        return refuse(ret_why, why_bytes, EPERM, "the root of all cgroups is not divided");
    if (error < 0 || strcmp(type, "domain") != 0)
        return refuse(ret_why, why_bytes, error < 0 ? -error : ENOTSUP, "it is of another type than domain");
    error = check_delegation(proc, directory_fd, ret_why, why_bytes);
    return error < 0 ? error : check_processes(proc, directory_fd, ret_why, why_bytes);
}
