/* mapped_file.c - one large file, mapped by several processes at once: each reads its part, the pages are there once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "demo/lab/entry.h"

enum { FILE_BYTES = 64 * 1024 * 1024, READERS = 4 };

/* Work for one process: a part of the map, and where its sum goes. */
struct part {
    const uint32_t *words;
    size_t count;
    uint64_t *sum; // shared
};

static int sum_a_part(void *userdata)
{
    const struct part *part = userdata;
    uint64_t sum = 0;

    for (size_t i = 0; i < part->count; i++)
        sum += part->words[i];
    *part->sum = sum;
    return 0;
}

static uint64_t fill(int fd)
{
    enum { BLOCK_WORDS = 64 * 1024 };
    uint32_t *block = malloc(BLOCK_WORDS * sizeof(*block));
    uint64_t sum = 0;
    uint32_t word = 1;

    for (size_t done = 0; block != NULL && done < FILE_BYTES; done += BLOCK_WORDS * sizeof(*block)) {
        for (size_t i = 0; i < BLOCK_WORDS; i++) {
            word = word * 1664525u + 1013904223u;
            block[i] = word;
            sum += word;
        }
        if (fd_write_all(fd, block, BLOCK_WORDS * sizeof(*block)) < 0)
            break;
    }
    free(block);
    return sum;
}

static uint64_t sum_in_parts(struct lab_stage *stage, const uint32_t *words, uint64_t *sums)
{
    size_t words_each = FILE_BYTES / sizeof(uint32_t) / READERS;
    struct part parts[READERS];
    pid_t pids[READERS];
    uint64_t sum = 0;

    for (size_t i = 0; i < READERS; i++) {
        parts[i] = (struct part){words + i * words_each, words_each, &sums[i]};
        pids[i] = lab_fork(stage, sum_a_part, &parts[i]);
    }
    for (size_t i = 0; i < READERS; i++)
        if (lab_wait_child(pids[i], 30000) == 0)
            sum += sums[i];
    return sum;
}

static void show_private_write(struct lab_stage *stage, int fd)
{
    uint32_t *copy = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t before = 0, after = 0;

    if (copy == MAP_FAILED || shared == MAP_FAILED)
        return;
    (void)!pread(fd, &before, sizeof(before), 0);
    lab_pitfall(stage, "MAP_PRIVATE and MAP_SHARED look the same until somebody writes.");
    copy[0] = ~before;
    (void)!pread(fd, &after, sizeof(after), 0);
    lab_claim(stage, after == before, "a store into a private map stays in that process");
    shared[0] = ~before;
    (void)!pread(fd, &after, sizeof(after), 0);
    lab_claim(stage, after == ~before, "a store into a shared map is in the file at once");
    munmap(copy, 4096);
    munmap(shared, 4096);
}

static void show(struct lab_stage *stage)
{
    char path[128];
    uint64_t *sums = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    snprintf(path, sizeof(path), "%s/large", lab_stage_directory(stage));
    _fd_cleanup_ int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || sums == MAP_FAILED) {
        lab_claim(stage, false, "cannot begin: %s", strerror(errno));
        return;
    }
    uint64_t expected = fill(fd), start_ns = clock_now_ns();
    const uint32_t *words = mmap(NULL, FILE_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (words == MAP_FAILED) {
        lab_claim(stage, false, "mmap: %s", strerror(errno));
        return;
    }
    lab_say(stage, "A file of 64 MiB is mapped once; four processes add up a quarter each, and nothing is copied.");
    uint64_t sum = sum_in_parts(stage, words, sums);
    lab_number(stage, "took, all four", (double)(clock_now_ns() - start_ns) / 1e6, "ms");
    lab_claim(stage, sum == expected, "the four sums together are what was written: %llu", (unsigned long long)sum);
    munmap((void *)(uintptr_t)words, FILE_BYTES);
    show_private_write(stage, fd);
    munmap(sums, 4096);
    unlink(path);
}

LAB_ENTRY(entry, .name = "mapped-file", .family = "shared memory",
          .summary = "one large file mapped by several processes",
          .pitfall = "a private map keeps what is written to it", .show = show);
