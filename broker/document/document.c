#include "broker/document/document.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/document/shared_buffer.h"
#include "common/fd.h"
#include "common/limits.h"
#include "common/text.h"

enum {
    GRANTS_KEPT = 1024,
    SIGNAL_LOOK_MS = 100,
};
/* Standard input is held in memory: an endless one must not take all of it. */
static const uint64_t STDIN_BYTES = 4ull << 30;

struct document {
    unsigned references;
    char *location;
    char name[256];
    char identity[96];
    bool is_about;
    Bulkhead__Navigate__SharedBuffer shared_end;
    int fd;           // -1 for about:
    int directory_fd; // -1 when it may open nothing
    uint64_t size_bytes;
    struct document_grant *grants; // grant_count of grant_capacity
    size_t grant_count, grant_capacity;
    struct document_warnings warnings;
};

const char *document_problem_text(enum document_problem problem)
{
    switch (problem) {
    case DOCUMENT_OK:
        return "fine";
    case DOCUMENT_NOT_FOUND:
        return "no such file";
    case DOCUMENT_NO_PERMISSION:
        return "permission denied";
    case DOCUMENT_IS_DIRECTORY:
        return "is a directory";
    case DOCUMENT_NOT_REGULAR:
        return "is not a regular file (a pipe, device or socket)";
    case DOCUMENT_EMPTY:
        return "is empty";
    case DOCUMENT_NO_SUCH_PAGE:
        return "is no about: page";
    case DOCUMENT_SYSTEM_ERROR:
        return "cannot be read";
    }
    return "cannot be read";
}

static enum document_problem problem_of_errno(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return DOCUMENT_NOT_FOUND;
    case EACCES:
    case EPERM:
        return DOCUMENT_NO_PERMISSION;
    case ENXIO: /* a FIFO without a writer, a socket */
        return DOCUMENT_NOT_REGULAR;
    default:
        return DOCUMENT_SYSTEM_ERROR;
    }
}

static enum document_problem adopt_file(struct document *document)
{
    struct stat st;
    if (fstat(document->fd, &st) < 0)
        return DOCUMENT_SYSTEM_ERROR;
    if (S_ISDIR(st.st_mode))
        return DOCUMENT_IS_DIRECTORY;
    if (!S_ISREG(st.st_mode))
        return DOCUMENT_NOT_REGULAR;
    if (st.st_size == 0)
        return DOCUMENT_EMPTY;
    document->size_bytes = (uint64_t)st.st_size;
    snprintf(document->identity, sizeof document->identity, "%llx:%llx:%llx:%llx.%lx", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino, (unsigned long long)st.st_size, (unsigned long long)st.st_mtim.tv_sec,
             st.st_mtim.tv_nsec);
    return DOCUMENT_OK;
}

static int open_directory_of(const char *path)
{
    char *copy = strdup(path);
    if (copy == NULL)
        return -1;
    int fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
    free(copy);
    return fd;
}

static enum document_problem open_path(struct document *document, const char *path)
{
    /* O_NONBLOCK: opening a FIFO must not wait for its writer. It has no effect on regular files. */
    document->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (document->fd < 0)
        return problem_of_errno(errno);
    enum document_problem problem = adopt_file(document);
    if (problem == DOCUMENT_OK)
        document->directory_fd = open_directory_of(path);
    return problem;
}

/* The broker takes its signals in its loop, which does not run while we wait for somebody to write: one that waits for
 * the loop ends the wait. */
static bool is_told_to_end(void)
{
    sigset_t pending;
    return sigpending(&pending) == 0 && (sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1);
}

/* 0, or -EINTR. */
static int wait_readable(int fd)
{
    struct pollfd input = {.fd = fd, .events = POLLIN};
    for (;;) {
        if (is_told_to_end())
            return -EINTR;
        if (poll(&input, 1, SIGNAL_LOOK_MS) != 0)
            return 0; /* an error, too, is read()'s to tell */
    }
}

static int copy_all(int from, int to)
{
    char buffer[64 * 1024];
    uint64_t copied_bytes = 0;
    for (;;) {
        int error = wait_readable(from);
        if (error < 0)
            return error;
        ssize_t got = read(from, buffer, sizeof buffer);
        if (got == 0)
            return 0;
        if (got < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (got < 0)
            return -errno;
        copied_bytes += (uint64_t)got;
        error = copied_bytes > STDIN_BYTES ? -EFBIG : fd_write_all(to, buffer, (size_t)got);
        if (error < 0)
            return error;
    }
}

/* Standard input is copied to memory, so that the renderer gets a file it can map and cannot make the broker wait. */
static enum document_problem open_stdin(struct document *document)
{
    _fd_cleanup_ int writable = memfd_create("bulkhead-stdin", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (writable < 0)
        return DOCUMENT_SYSTEM_ERROR;
    int error = copy_all(STDIN_FILENO, writable);
    if (error < 0 || fcntl(writable, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_WRITE | F_SEAL_SEAL) < 0) {
        errno = error < 0 ? -error : errno;
        return errno == EISDIR ? DOCUMENT_IS_DIRECTORY : DOCUMENT_SYSTEM_ERROR;
    }
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", writable);
    document->fd = open(link, O_RDONLY | O_CLOEXEC);
    if (document->fd < 0)
        return DOCUMENT_SYSTEM_ERROR;
    return adopt_file(document);
}

static enum document_problem open_about(struct document *document, const char *location)
{
    if (strlen(location) > LIMIT_URL_BYTES)
        return DOCUMENT_NO_SUCH_PAGE;
    document->is_about = true;
    document->shared_end = shared_buffer_end_of(location);
    snprintf(document->identity, sizeof document->identity, "%.*s", (int)sizeof document->identity - 1, location);
    return DOCUMENT_OK;
}

static void set_name(struct document *document, const char *location)
{
    const char *slash = strrchr(location, '/');
    const char *name = document->is_about || slash == NULL || slash[1] == '\0' ? location : slash + 1;
    if (strcmp(location, "-") == 0)
        name = "standard input";
    text_escape(document->name, sizeof document->name, name, strlen(name));
}

enum document_problem document_open(const char *location, struct document **ret_document)
{
    struct document *document = calloc(1, sizeof *document);
    if (document == NULL)
        return DOCUMENT_SYSTEM_ERROR;
    document->references = 1;
    document->fd = document->directory_fd = -1;
    document->location = strdup(location);
    enum document_problem problem = DOCUMENT_SYSTEM_ERROR;
    if (document->location == NULL)
        errno = ENOMEM;
    else if (strncmp(location, "about:", strlen("about:")) == 0)
        problem = open_about(document, location);
    else if (strcmp(location, "-") == 0)
        problem = open_stdin(document);
    else
        problem = open_path(document, location);
    if (problem != DOCUMENT_OK) {
        int error = errno;
        document_unref(document);
        errno = error;
        return problem;
    }
    set_name(document, location);
    *ret_document = document;
    return DOCUMENT_OK;
}

struct document *document_open_attack(const char *name, Bulkhead__Navigate__SharedBuffer shared_end)
{
    struct document *document = calloc(1, sizeof *document);
    if (document == NULL)
        return NULL;
    document->references = 1;
    document->fd = document->directory_fd = -1;
    if (asprintf(&document->location, "attack:%s", name) < 0) {
        free(document);
        return NULL;
    }
    open_about(document, document->location);
    document->shared_end = shared_end;
    set_name(document, document->location);
    return document;
}

struct document *document_ref(struct document *document)
{
    document->references++;
    return document;
}

void document_unref(struct document *document)
{
    if (document == NULL || --document->references > 0)
        return;
    fd_close(&document->fd);
    fd_close(&document->directory_fd);
    free(document->location);
    free(document->grants);
    document_warnings_fini(&document->warnings);
    free(document);
}

const char *document_location(const struct document *document)
{
    return document->location;
}

const char *document_name(const struct document *document)
{
    return document->name;
}

const char *document_url(const struct document *document)
{
    return document->is_about ? document->location : "";
}

Bulkhead__Navigate__SharedBuffer document_shared_end(const struct document *document)
{
    return document->shared_end;
}

uint64_t document_size_bytes(const struct document *document)
{
    return document->size_bytes;
}

int document_dup_fd(const struct document *document)
{
    if (document->fd < 0)
        return -1;
    /* Opened anew rather than duplicated: two renderers of one document must not share a file offset. Where /proc is
     * not to be had, share it: the engine maps the file and never seeks. */
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", document->fd);
    int fd = open(link, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fd = fcntl(document->fd, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd : -errno;
}

int document_directory_fd(const struct document *document)
{
    return document->directory_fd;
}

void document_disable_files(struct document *document)
{
    fd_close(&document->directory_fd);
}

const char *document_identity(const struct document *document)
{
    return document->identity;
}

void document_record_grant(struct document *document, const void *path, size_t path_bytes,
                           Bulkhead__OpenFileReply__Status status, uint64_t size_bytes)
{
    if (document->grant_count == GRANTS_KEPT)
        return;
    if (document->grant_count == document->grant_capacity) {
        size_t capacity = document->grant_capacity == 0 ? 8 : document->grant_capacity * 2;
        struct document_grant *grown = realloc(document->grants, capacity * sizeof *grown);
        if (grown == NULL)
            return;
        document->grants = grown;
        document->grant_capacity = capacity;
    }
    struct document_grant *grant = &document->grants[document->grant_count++];
    text_escape(grant->path, sizeof grant->path, path, path_bytes);
    grant->status = status;
    grant->size_bytes = size_bytes;
}

bool document_trail_is_full(const struct document *document)
{
    return document->grant_count == GRANTS_KEPT;
}

const struct document_grant *document_grants(const struct document *document, size_t *ret_count)
{
    *ret_count = document->grant_count;
    return document->grants;
}

struct document_warnings *document_warnings(struct document *document)
{
    return &document->warnings;
}

const char *document_grant_status_name(Bulkhead__OpenFileReply__Status status)
{
    switch (status) {
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED:
        return "granted";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_FOUND:
        return "not found";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE:
        return "outside its directory";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_A_FILE:
        return "not a regular file";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__TOO_LARGE:
        return "too large";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__TOO_MANY:
        return "too many files";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__BAD_PATH:
        return "bad path";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__DISABLED:
        return "files are disabled";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__UNREADABLE:
        return "cannot be read";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__IS_LINK:
        return "a link, and links are not followed";
    case BULKHEAD__OPEN_FILE_REPLY__STATUS__REMOTE:
        return "not fetched: no network";
    default:
        return "unknown";
    }
}
