#include "broker/output/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/fd.h"

/* One write a 64 KB: pictures are 100 KB to some MB. */
enum { OUTPUT_BUFFER_BYTES = 64 * 1024, OUTPUT_NAME_ATTEMPTS = 16 };

enum output_kind {
    OUTPUT_DIRECT,  /* stdout, FIFO, device: bytes go where they go */
    OUTPUT_UNNAMED, /* O_TMPFILE: vanishes by itself unless linked */
    OUTPUT_NAMED,   /* a temporary name that must be removed or renamed */
};

struct output {
    enum output_kind kind;
    int fd;
    int cancel_fd;   // borrowed; -1 for none
    bool may_block;  // a pipe or a terminal: somebody must read before a write ends
    int error;       /* -errno of the first failed write */
    char *path;      // owned: the final name, links resolved
    char *temporary; // owned: OUTPUT_NAMED
    size_t used;
    unsigned char buffer[OUTPUT_BUFFER_BYTES];
};

int output_guard_add(struct output_guard *guard, const char *path, int why)
{
    struct stat st;
    if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return 0;
    struct output_guard_entry *entries = reallocarray(guard->entries, guard->count + 1, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    entries[guard->count++] = (struct output_guard_entry){st.st_dev, st.st_ino, why};
    guard->entries = entries;
    return 0;
}

void output_guard_fini(struct output_guard *guard)
{
    free(guard->entries);
    *guard = (struct output_guard){0};
}

/* 0: it is none of them. */
static int output_guard_find(const struct output_guard *guard, const struct stat *st)
{
    for (size_t i = 0; guard && i < guard->count; i++)
        if (guard->entries[i].device == st->st_dev && guard->entries[i].inode == st->st_ino)
            return guard->entries[i].why;
    return 0;
}

/* The directory part of a path, for opening: "." if there is none. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static int check_new(const char *path)
{
    char *directory = directory_of(path);
    if (!directory)
        return -ENOMEM;
    int r = fd_access(AT_FDCWD, directory, W_OK | X_OK);
    free(directory);
    return r;
}

int output_check(const char *path, const struct output_guard *guard)
{
    struct stat st;
    if (strcmp(path, "-") == 0)
        return 0;
    if (*path == '\0')
        return -ENOENT;
    if (path[strlen(path) - 1] == '/')
        return -EISDIR;
    if (stat(path, &st) < 0)
        return errno == ENOENT ? check_new(path) : -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    int why = output_guard_find(guard, &st);
    if (why != 0)
        return why;
    /* Renaming over a file needs no right to write to it; who took that right away meant something by it. */
    int r = fd_access(AT_FDCWD, path, W_OK);
    if (r < 0)
        return r;
    return S_ISREG(st.st_mode) ? check_new(path) : 0;
}

static int open_direct(struct output *output)
{
    output->kind = OUTPUT_DIRECT;
    /* A FIFO without a reader would block an open for ever; it says ENXIO instead. */
    output->fd = open(output->path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (output->fd < 0)
        return -errno;
    return fd_set_nonblocking(output->fd, 0);
}

static int open_stdout(struct output *output)
{
    output->kind = OUTPUT_DIRECT;
    output->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    return output->fd < 0 ? -errno : 0;
}

/* A name beside `path` that nobody can guess, so that nothing can be put there first. */
static char *temporary_name(const char *path)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) < 0)
        random = (uint64_t)getpid() << 32 ^ (uintptr_t)&random;
    char *directory = directory_of(path), *name = NULL;
    if (!directory || asprintf(&name, "%s/.bulkhead-%016llx.tmp", directory, (unsigned long long)random) < 0)
        name = NULL;
    free(directory);
    return name;
}

static int open_named(struct output *output)
{
    output->kind = OUTPUT_NAMED;
    for (int attempt = 0; attempt < OUTPUT_NAME_ATTEMPTS; attempt++) {
        free(output->temporary);
        output->temporary = temporary_name(output->path);
        if (!output->temporary)
            return -ENOMEM;
        output->fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (output->fd >= 0)
            return 0;
        if (errno != EEXIST)
            break;
    }
    int r = -errno;
    free(output->temporary);
    output->temporary = NULL;
    return r;
}

static int open_unnamed(struct output *output)
{
    char *directory = directory_of(output->path);
    if (!directory)
        return -ENOMEM;
    output->kind = OUTPUT_UNNAMED;
    output->fd = open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666);
    int r = output->fd < 0 ? -errno : 0;
    free(directory);
    return r;
}

/* O_TMPFILE needs a file system that has it (NFS, FUSE and overlayfs may not) and a /proc to link it from. */
static int open_regular(struct output *output)
{
    if (access("/proc/self/fd", X_OK) == 0) {
        int r = open_unnamed(output);
        if (r != -EOPNOTSUPP && r != -EISDIR && r != -EINVAL && r != -ENOENT)
            return r;
    }
    return open_named(output);
}

/* A link to a file keeps pointing at it: what it points at is replaced. */
static char *resolve(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        char *target = realpath(path, NULL);
        if (target)
            return target;
    }
    return strdup(path);
}

static void output_init(struct output *output, const char *path, int cancel_fd)
{
    output->kind = OUTPUT_DIRECT;
    output->fd = -1;
    output->cancel_fd = cancel_fd;
    output->may_block = false;
    output->error = 0;
    output->used = 0;
    output->temporary = NULL;
    output->path = resolve(path);
}

int output_open(const char *path, const struct output_guard *guard, int cancel_fd, struct output **ret_output)
{
    int r = output_check(path, guard);
    if (r != 0)
        return r;
    struct output *output = malloc(sizeof(*output));
    if (!output)
        return -ENOMEM;
    output_init(output, path, cancel_fd);
    struct stat st;
    if (!output->path)
        r = -ENOMEM;
    else if (strcmp(path, "-") == 0)
        r = open_stdout(output);
    else if (stat(output->path, &st) == 0 && !S_ISREG(st.st_mode))
        r = open_direct(output);
    else
        r = open_regular(output);
    if (r < 0) {
        output_abandon(output);
        return r;
    }
    if (output->kind == OUTPUT_DIRECT)
        output->may_block = fstat(output->fd, &st) == 0 && !S_ISREG(st.st_mode);
    *ret_output = output;
    return 0;
}

/* Writes in pieces that a pipe takes without blocking once poll says that it takes any (PIPE_BUF), so that a reader
 * that stopped reading cannot hold up the end of the program. */
static int write_pieces(struct output *output, const unsigned char *data, size_t size_bytes)
{
    struct pollfd fds[2] = {{.fd = output->fd, .events = POLLOUT}, {.fd = output->cancel_fd, .events = POLLIN}};
    while (size_bytes > 0) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (fds[1].revents)
            return -ECANCELED;
        if (!fds[0].revents)
            continue;
        size_t piece = size_bytes < PIPE_BUF ? size_bytes : PIPE_BUF;
        int r = fd_write_all(output->fd, data, piece);
        if (r < 0)
            return r;
        data += piece;
        size_bytes -= piece;
    }
    return 0;
}

static int write_now(struct output *output, const void *data, size_t size_bytes)
{
    return output->may_block ? write_pieces(output, data, size_bytes) : fd_write_all(output->fd, data, size_bytes);
}

static int output_flush(struct output *output)
{
    if (output->error == 0 && output->used > 0)
        output->error = write_now(output, output->buffer, output->used);
    output->used = 0;
    return output->error;
}

int output_write(struct output *output, const void *data, size_t size_bytes)
{
    if (size_bytes > sizeof(output->buffer) - output->used)
        output_flush(output);
    if (output->error == 0 && size_bytes > sizeof(output->buffer) - output->used) {
        output->error = write_now(output, data, size_bytes);
    } else if (output->error == 0) {
        memcpy(output->buffer + output->used, data, size_bytes);
        output->used += size_bytes;
    }
    return output->error;
}

/* Gives an unnamed file a name: the final one if it is free, else a temporary one, because linkat() cannot replace. */
static int link_unnamed(struct output *output)
{
    char proc[64];
    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", output->fd);
    if (linkat(AT_FDCWD, proc, AT_FDCWD, output->path, AT_SYMLINK_FOLLOW) == 0)
        return 0;
    if (errno != EEXIST)
        return -errno;
    char *temporary = temporary_name(output->path);
    if (!temporary)
        return -ENOMEM;
    if (linkat(AT_FDCWD, proc, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) < 0) {
        int r = -errno;
        free(temporary);
        return r;
    }
    output->kind = OUTPUT_NAMED;
    output->temporary = temporary;
    return 0;
}

static int close_checked(struct output *output)
{
    int fd = fd_steal(&output->fd);
    return close(fd) < 0 && errno != EINTR ? -errno : 0;
}

int output_commit(struct output *output)
{
    int r = output_flush(output);
    if (r == 0 && output->kind == OUTPUT_UNNAMED)
        r = link_unnamed(output);
    /* Some file systems (NFS, quotas) report a full disk only now, so the name is given after it. */
    if (r == 0) {
        r = close_checked(output);
        if (r < 0 && output->kind == OUTPUT_UNNAMED)
            unlink(output->path);
    }
    if (r == 0 && output->kind == OUTPUT_NAMED) {
        r = rename(output->temporary, output->path) < 0 ? -errno : 0;
        if (r == 0) {
            free(output->temporary);
            output->temporary = NULL;
        }
    }
    output_abandon(output);
    return r;
}

void output_abandon(struct output *output)
{
    if (!output)
        return;
    fd_close(&output->fd);
    if (output->temporary)
        unlink(output->temporary);
    free(output->temporary);
    free(output->path);
    free(output);
}
