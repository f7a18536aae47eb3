#include "broker/crash/crash_store_private.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "broker/state_directory.h"
#include "common/fd.h"
#include "common/text.h"

/* A temporary file this old is of a broker that was killed while it wrote. */
enum { STALE_S = 3600 };

void crash_store_name(uint32_t number, char out[CRASH_STORE_NAME_BYTES])
{
    snprintf(out, CRASH_STORE_NAME_BYTES, "crash-%04u.json", number);
}

/* Only a name that crash_store_name() makes: 0 for all others. */
static uint32_t number_of(const char *name)
{
    char again[CRASH_STORE_NAME_BYTES];
    unsigned number;

    if (sscanf(name, "crash-%9u.json", &number) != 1 || number == 0 || number > CRASH_STORE_NUMBER_MOST)
        return 0;
    crash_store_name(number, again);
    return strcmp(name, again) == 0 ? number : 0;
}

static bool is_temporary(const char *name)
{
    size_t length = strlen(name);

    return strncmp(name, ".crash-", 7) == 0 && length > 4 && strcmp(name + length - 4, ".tmp") == 0;
}

/* Below the first directory of its path that is there, from the end, everything else would be made. One of the
 * system's, or where anybody may make something of his own, is nobody else's. */
static bool is_below_another_users(const char *path)
{
    char *copy = strdup(path), *slash;
    struct stat st;
    bool is_there = copy != NULL && stat(copy, &st) == 0;

    while (copy != NULL && !is_there && (slash = strrchr(copy, '/')) != NULL && slash != copy) {
        *slash = '\0';
        is_there = stat(copy, &st) == 0;
    }
    free(copy);
    return is_there && st.st_uid != geteuid() && st.st_uid != 0 && (st.st_mode & S_ISVTX) == 0;
}

/* What root writes below another user's directory, that user can never remove; and it may lead anywhere. NULL: it is
 * one's own; else the variable that names the other's. */
static const char *foreign_base(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    struct stat st;

    if (state != NULL && state[0] == '/')
        return is_below_another_users(state) ? "XDG_STATE_HOME" : NULL;
    return home != NULL && stat(home, &st) == 0 && st.st_uid != geteuid() ? "HOME" : NULL;
}

static int find_directory(const char *given, enum crash_store_use use, char out[PATH_MAX], char *ret_why,
                          size_t why_bytes)
{
    int r = given != NULL ? 0 : state_directory_path("crashes", out, PATH_MAX);

    if (given != NULL && snprintf(out, PATH_MAX, "%s", given) >= PATH_MAX)
        r = -ENAMETOOLONG;
    if (r == -ENOENT) {
        snprintf(ret_why, why_bytes, "neither XDG_STATE_HOME nor HOME says where");
        return -ENXIO;
    }
    if (r < 0)
        snprintf(ret_why, why_bytes, "the name of the directory is too long");
    const char *foreign = r == 0 && given == NULL && use != CRASH_STORE_READ ? foreign_base() : NULL;
    if (foreign != NULL) {
        snprintf(ret_why, why_bytes, "%s is another user's directory", foreign);
        r = -EPERM;
    }
    return r;
}

static int make_directory(const char *path)
{
    int r = state_directory_make_parents(path);

    return r == 0 && mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : r;
}

static const char *problem_of(const struct stat *st)
{
    if (st->st_uid != geteuid())
        return "belongs to another user";
    return (st->st_mode & (S_IWGRP | S_IWOTH)) != 0 ? "can be written to by others: chmod go-w it" : NULL;
}

/* O_NOFOLLOW: a link may have been put there to make us write elsewhere. */
static int open_directory(struct crash_store *store, const char *path, enum crash_store_use use, char *ret_why,
                          size_t why_bytes)
{
    struct stat st;

    store->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (use == CRASH_STORE_READ ? 0 : O_NOFOLLOW));
    if (store->fd < 0 || fstat(store->fd, &st) < 0) {
        int error = errno;
        snprintf(ret_why, why_bytes, "%s: %s", store->directory, strerror(error));
        return -error;
    }
    const char *problem = use == CRASH_STORE_READ ? NULL : problem_of(&st);
    if (problem != NULL)
        snprintf(ret_why, why_bytes, "%s %s", store->directory, problem);
    return problem != NULL ? -EPERM : 0;
}

int crash_store_open(const char *directory, enum crash_store_use use, struct crash_store **ret_store, char *ret_why,
                     size_t why_bytes)
{
    struct crash_store *store = calloc(1, sizeof *store);
    char path[PATH_MAX];

    if (store == NULL) {
        snprintf(ret_why, why_bytes, "out of memory");
        return -ENOMEM;
    }
    store->fd = -1;
    int r = find_directory(directory, use, path, ret_why, why_bytes);
    if (r == 0) {
        text_escape(store->directory, sizeof store->directory, path, strlen(path));
        r = use == CRASH_STORE_WRITE ? make_directory(path) : 0;
        if (r < 0)
            snprintf(ret_why, why_bytes, "%s: %s", store->directory, strerror(-r));
    }
    r = r < 0 ? r : open_directory(store, path, use, ret_why, why_bytes);
    if (r < 0)
        crash_store_close(store);
    else
        *ret_store = store;
    return r;
}

void crash_store_close(struct crash_store *store)
{
    if (store == NULL)
        return;
    fd_close(&store->fd);
    free(store);
}

const char *crash_store_directory(const struct crash_store *store)
{
    return store->directory;
}

void crash_store_path(const struct crash_store *store, uint32_t number, char *out, size_t out_bytes)
{
    char name[CRASH_STORE_NAME_BYTES];

    crash_store_name(number, name);
    snprintf(out, out_bytes, "%s/%s", store->directory, name);
}

/* Calls fn for every name in the directory until it says no. */
static int each_name(const struct crash_store *store, bool (*fn)(const char *name, void *userdata), void *userdata)
{
    int fd = openat(store->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;

    if (directory == NULL) {
        int r = -errno;
        fd_close(&fd);
        return r;
    }
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (!fn(entry->d_name, userdata))
            break;
    closedir(directory);
    return 0;
}

struct numbers {
    uint32_t *list; // numbers::count of numbers::capacity, owned
    size_t count, capacity;
    bool is_short; // of memory
};

static bool add_number(const char *name, void *userdata)
{
    struct numbers *numbers = userdata;
    uint32_t number = number_of(name);

    if (number == 0)
        return true;
    if (numbers->count == numbers->capacity) {
        size_t capacity = numbers->capacity > 0 ? 2 * numbers->capacity : 128;
        uint32_t *grown = reallocarray(numbers->list, capacity, sizeof *grown);
        numbers->is_short = grown == NULL;
        if (grown == NULL)
            return false;
        numbers->list = grown;
        numbers->capacity = capacity;
    }
    numbers->list[numbers->count++] = number;
    return true;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

    return (a > b) - (a < b);
}

int crash_store_list(const struct crash_store *store, uint32_t **ret_numbers, size_t *ret_count)
{
    struct numbers numbers = {0};
    int r = each_name(store, add_number, &numbers);

    if (numbers.is_short)
        r = -ENOMEM;
    if (r < 0) {
        free(numbers.list);
        return r;
    }
    if (numbers.count > 0)
        qsort(numbers.list, numbers.count, sizeof *numbers.list, compare_numbers);
    *ret_numbers = numbers.list;
    *ret_count = numbers.count;
    return 0;
}

uint64_t crash_store_size_bytes(const struct crash_store *store, uint32_t number)
{
    char name[CRASH_STORE_NAME_BYTES];
    struct stat st;

    crash_store_name(number, name);
    return fstatat(store->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (uint64_t)st.st_size : 0;
}

static bool remove_if_stale(const char *name, void *userdata)
{
    const struct crash_store *store = userdata;
    struct stat st;

    if (is_temporary(name) && fstatat(store->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        time(NULL) - st.st_mtime > STALE_S)
        unlinkat(store->fd, name, 0);
    return true;
}

void crash_store_sweep(const struct crash_store *store)
{
    each_name(store, remove_if_stale, (void *)(uintptr_t)store);
}

int crash_store_remove(const struct crash_store *store, uint32_t number)
{
    char name[CRASH_STORE_NAME_BYTES];

    crash_store_name(number, name);
    return unlinkat(store->fd, name, 0) < 0 && errno != ENOENT ? -errno : 0; /* ENOENT: another broker was faster */
}

/* All of a regular file into *ret_text (owned). O_NONBLOCK: a FIFO by that name must not be waited for. */
static int read_file(const struct crash_store *store, const char *name, char **ret_text, size_t *ret_bytes)
{
    _fd_cleanup_ int fd = openat(store->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size > CRASH_REPORT_JSON_BYTES)
        return -EFBIG;
    char *text = malloc((size_t)st.st_size + 1);
    size_t used = 0;
    while (text != NULL && used < (size_t)st.st_size) {
        ssize_t n = read(fd, text + used, (size_t)st.st_size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    *ret_text = text;
    *ret_bytes = used;
    return text != NULL ? 0 : -ENOMEM;
}

static int describe_unreadable(int r, char *ret_why, size_t why_bytes)
{
    bool is_damaged = r == -EFBIG || r == -EINVAL || r == -ELOOP;
    const char *damage = r == -EFBIG ? "it is too large" : "it is not a regular file";

    snprintf(ret_why, why_bytes, "%s", is_damaged ? damage : strerror(-r));
    return is_damaged ? -EINVAL : r;
}

int crash_store_read(const struct crash_store *store, uint32_t number, struct crash_report **ret_report, char *ret_why,
                     size_t why_bytes)
{
    char name[CRASH_STORE_NAME_BYTES], *text = NULL;
    size_t bytes = 0;

    crash_store_name(number, name);
    int r = read_file(store, name, &text, &bytes);
    if (r == 0)
        r = crash_report_parse(text, bytes, ret_report, ret_why, why_bytes);
    else
        r = describe_unreadable(r, ret_why, why_bytes);
    free(text);
    return r;
}

int crash_store_clear(struct crash_store *store, size_t *ret_removed, uint32_t *ret_kept)
{
    uint32_t *numbers = NULL;
    size_t count = 0;
    int r = crash_store_list(store, &numbers, &count), first = 0;

    *ret_removed = 0;
    *ret_kept = 0;
    for (size_t i = 0; i < count; i++) {
        int error = crash_store_remove(store, numbers[i]);
        *ret_removed += error == 0;
        if (error < 0 && first == 0) {
            first = error;
            *ret_kept = numbers[i];
        }
    }
    crash_store_sweep(store);
    free(numbers);
    return r < 0 ? r : first;
}
