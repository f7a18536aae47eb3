/* A report is written under a temporary name and takes a number when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "broker/crash/crash_store_private.h"
#include "common/fd.h"

enum { NAME_ATTEMPTS = 1000 }; /* others take numbers at the same time */

static int write_temporary(const struct crash_store *store, const char *text, char name[CRASH_STORE_NAME_BYTES])
{
    uint64_t random = 0;

    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (uint64_t)getpid() << 32 ^ (uint64_t)time(NULL);
    snprintf(name, CRASH_STORE_NAME_BYTES, ".crash-%016llx.tmp", (unsigned long long)random);
    int fd = openat(store->fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = fd_write_all(fd, text, strlen(text));
    if (r == 0)
        r = fd_write_all(fd, "\n", 1);
    if (close(fd) < 0 && errno != EINTR && r == 0) /* some file systems report a full disk only now */
        r = -errno;
    if (r < 0)
        unlinkat(store->fd, name, 0);
    return r;
}

/* Never over another's report. Where the file system cannot rename so, a second name in place of the first can. */
static int give_name(const struct crash_store *store, const char *temporary, const char *name)
{
    if (renameat2(store->fd, temporary, store->fd, name, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (linkat(store->fd, temporary, store->fd, name, 0) < 0)
        return -errno;
    unlinkat(store->fd, temporary, 0);
    return 0;
}

static int give_number(const struct crash_store *store, const char *temporary, uint32_t *ret_number)
{
    uint32_t *numbers = NULL;
    size_t count = 0;
    int r = crash_store_list(store, &numbers, &count);
    uint32_t number = r == 0 && count > 0 ? numbers[count - 1] + 1 : 1;

    free(numbers);
    if (r < 0)
        return r;
    for (int attempt = 0; attempt < NAME_ATTEMPTS && number <= CRASH_STORE_NUMBER_MOST; attempt++, number++) {
        char name[CRASH_STORE_NAME_BYTES];
        crash_store_name(number, name);
        r = give_name(store, temporary, name);
        if (r == 0)
            *ret_number = number;
        if (r != -EEXIST)
            return r;
    }
    return -EOVERFLOW;
}

/* Best effort: what cannot be removed now is too many next time as well. */
static void keep_bounds(struct crash_store *store, const struct crash_store_bounds *bounds, uint32_t newest)
{
    uint32_t *numbers = NULL;
    size_t count = 0;
    uint64_t bytes = 0;

    crash_store_sweep(store);
    if (crash_store_list(store, &numbers, &count) < 0)
        return;
    for (size_t i = 0; i < count; i++)
        bytes += crash_store_size_bytes(store, numbers[i]);
    size_t left = count;
    for (size_t i = 0; i < count && (left > bounds->reports || bytes > bounds->bytes); i++) {
        uint64_t size = crash_store_size_bytes(store, numbers[i]);
        if (numbers[i] == newest || crash_store_remove(store, numbers[i]) < 0)
            continue;
        left--;
        bytes -= size < bytes ? size : bytes;
    }
    free(numbers);
}

int crash_store_add(struct crash_store *store, const struct crash_report *report,
                    const struct crash_store_bounds *bounds, uint32_t *ret_number)
{
    char temporary[CRASH_STORE_NAME_BYTES];
    json_t *object = crash_report_json(report);
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;

    json_decref(object);
    int r = text != NULL ? write_temporary(store, text, temporary) : -ENOMEM;
    free(text);
    if (r < 0)
        return r;
    r = give_number(store, temporary, ret_number);
    if (r < 0)
        unlinkat(store->fd, temporary, 0);
    else
        keep_bounds(store, bounds, *ret_number);
    return r;
}
