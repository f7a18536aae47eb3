/* pipe_capacity.c - how much a pipe holds, how to change that, and up to which size a write stays in one piece. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"

enum { WRITERS = 4, SMALL_BYTES = PIPE_BUF, LARGE_BYTES = 3 * PIPE_BUF - 100, RECORDS = 1000 };

static long read_number(const char *path)
{
    FILE *file = fopen(path, "re");
    long number = -1;

    if (file != NULL && fscanf(file, "%ld", &number) != 1)
        number = -1;
    if (file != NULL)
        fclose(file);
    return number;
}

/* How many bytes fit before EAGAIN. */
static long fill(int fd)
{
    char block[4096] = {0};
    long filled = 0;

    while (write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
        filled += (long)sizeof(block);
    return errno == EAGAIN ? filled : -1;
}

static void show_size(struct lab_stage *stage)
{
    long most = read_number("/proc/sys/fs/pipe-max-size");
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return;
    int usual = fcntl(fds[1], F_GETPIPE_SZ);
    lab_number(stage, "a new pipe's capacity", (double)usual / 1024, "KiB");
    lab_claim(stage, fcntl(fds[1], F_SETPIPE_SZ, 1) == 4096, "F_SETPIPE_SZ rounds up: the least is one page");
    lab_claim(stage, fill(fds[1]) == 4096, "and then 4096 bytes fill it");
    if (fcntl(fds[1], F_SETPIPE_SZ, most) == most) {
        lab_claim(stage, fill(fds[1]) == most - 4096, "enlarged to fs.pipe-max-size (%ld KiB) with data in it",
                  most / 1024);
        lab_claim(stage, fcntl(fds[1], F_SETPIPE_SZ, 4096) < 0 && errno == EBUSY,
                  "made smaller than what it holds: EBUSY, and nothing is lost");
    } else
        lab_skip(stage, "enlarging to %ld bytes: %s (fs.pipe-user-pages-soft)", most, strerror(errno));
    int larger = fcntl(fds[1], F_SETPIPE_SZ, most * 2);
    lab_claim(stage, larger == most * 2 || (larger < 0 && errno == EPERM), "beyond that: %s",
              larger < 0 ? "EPERM without CAP_SYS_RESOURCE" : "only with CAP_SYS_RESOURCE, which we have");
    fd_close_many(fds, 2);
}

/* Writers that send whole records of one letter each, all at once, into one pipe. */
struct writer {
    int fd;
    char letter;
    size_t record_bytes;
};

static int write_records(void *userdata)
{
    const struct writer *writer = userdata;
    char *record = malloc(writer->record_bytes);
    bool all_well = record != NULL;

    if (all_well)
        memset(record, writer->letter, writer->record_bytes);
    /* One write a record: fd_write_all() would hide nothing here, for a blocking write is never short. */
    for (int i = 0; i < RECORDS && all_well; i++)
        all_well = write(writer->fd, record, writer->record_bytes) == (ssize_t)writer->record_bytes;
    free(record);
    return all_well ? 0 : 1;
}

struct tally {
    long bytes;
    long torn; /* places where another writer's bytes begin inside a record */
};

static struct tally read_records(int fd, size_t record_bytes)
{
    static char bytes[64 * 1024];
    struct tally tally = {0};
    size_t run = 0;
    char last = 0;
    ssize_t length;

    while ((length = read(fd, bytes, sizeof(bytes))) > 0) {
        for (ssize_t i = 0; i < length; i++) {
            if (bytes[i] != last && run % record_bytes != 0)
                tally.torn++;
            run = bytes[i] == last ? run + 1 : 1;
            last = bytes[i];
        }
        tally.bytes += length;
    }
    return tally;
}

static struct tally run_writers(struct lab_stage *stage, size_t record_bytes)
{
    struct tally tally = {.bytes = -1};
    pid_t pids[WRITERS];
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return tally;
    for (int i = 0; i < WRITERS; i++) {
        struct writer writer = {.fd = fds[1], .letter = (char)('A' + i), .record_bytes = record_bytes};
        pids[i] = lab_fork(stage, write_records, &writer);
    }
    fd_close(&fds[1]);
    tally = read_records(fds[0], record_bytes);
    for (int i = 0; i < WRITERS; i++)
        if (pids[i] > 0 && lab_wait_child(pids[i], 5000) != 0)
            tally.bytes = -1;
    fd_close(&fds[0]);
    return tally;
}

static void show_writers(struct lab_stage *stage)
{
    struct tally small = run_writers(stage, SMALL_BYTES), large;

    lab_say(stage, "%d processes write %d records each into one pipe, at the same time.", WRITERS, RECORDS);
    lab_claim(stage, small.bytes == (long)WRITERS * RECORDS * SMALL_BYTES && small.torn == 0,
              "records of PIPE_BUF (%d bytes): %ld of %d torn", SMALL_BYTES, small.torn, WRITERS * RECORDS);
    lab_pitfall(stage, "A larger write waits for room in the middle, and another writer's bytes get in.");
    large = run_writers(stage, LARGE_BYTES);
    lab_claim(stage, large.bytes == (long)WRITERS * RECORDS * LARGE_BYTES && large.torn > 0,
              "records of %d bytes: torn at %ld places, and not a byte lost", LARGE_BYTES, large.torn);
}

/* The same without luck: a non-blocking write that does not fit. */
static void show_partial_write(struct lab_stage *stage)
{
    enum { ROOM = 2 * PIPE_BUF };
    static char large[LARGE_BYTES], bytes[4 * PIPE_BUF];
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0 || fcntl(fds[1], F_SETPIPE_SZ, ROOM) != ROOM)
        return;
    memset(large, 'A', sizeof(large));
    ssize_t first = write(fds[1], large, sizeof(large));
    bool is_refused = write(fds[1], "B", 1) < 0 && errno == EAGAIN;
    lab_claim(stage, first == ROOM && is_refused,
              "without blocking, %d bytes into room for %d: %zd taken; one byte more: EAGAIN", LARGE_BYTES, ROOM,
              first);
    ssize_t got = read(fds[0], bytes, sizeof(bytes));
    (void)!write(fds[1], "B", 1);
    (void)!write(fds[1], large + first, sizeof(large) - (size_t)first);
    got = read(fds[0], bytes, sizeof(bytes)) + got;
    lab_claim(stage, bytes[0] == 'B' && got == (ssize_t)sizeof(large) + 1,
              "a B written before the rest stands in the middle of the A's");
    while (write(fds[1], large, 1) == 1)
        continue;
    (void)!read(fds[0], bytes, PIPE_BUF - 1);
    lab_claim(stage, write(fds[1], large, PIPE_BUF) < 0 && errno == EAGAIN,
              "PIPE_BUF bytes with room for less are refused whole: never a part of them");
    fd_close_many(fds, 2);
}

static void show(struct lab_stage *stage)
{
    show_size(stage);
    show_writers(stage);
    show_partial_write(stage);
    lab_say(stage, "So: records of at most PIPE_BUF, or one pipe a writer, or a lock.");
}

LAB_ENTRY(entry, .name = "pipe-capacity", .family = "pipes",
          .summary = "what a pipe holds, and which writes stay in one piece",
          .pitfall = "writes of more than PIPE_BUF interleave with others", .show = show);
