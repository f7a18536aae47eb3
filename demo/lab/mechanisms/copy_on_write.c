/* copy_on_write.c - fork() as a snapshot: the child sees the memory of that moment while the parent goes on writing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/stream.h"

enum { PAGES = 4096, PAGE_BYTES = 4096, REWRITTEN = 1000 };

struct snapshot {
    unsigned char *pages;
    int go;  // readable when the parent has written
    int out; // the child's answer
};

struct answer {
    long unchanged;     // pages as they were at the fork
    long private_pages; // of the child's map, by smaps: not shared with the parent any more
};

/* Pages of the mapping that begins at `address` that only this process has, from /proc/self/smaps. -1 if unknown. */
static long count_private(const void *address)
{
    FILE *smaps = fopen("/proc/self/smaps", "re");
    char line[256];
    unsigned long start, end;
    long kilobytes, total = -1;
    bool is_ours = false;

    while (smaps != NULL && fgets(line, sizeof(line), smaps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            is_ours = (unsigned long)(uintptr_t)address >= start && (unsigned long)(uintptr_t)address < end;
        else if (is_ours && (sscanf(line, "Private_Clean: %ld kB", &kilobytes) == 1 ||
                             sscanf(line, "Private_Dirty: %ld kB", &kilobytes) == 1))
            total = (total < 0 ? 0 : total) + kilobytes * 1024 / PAGE_BYTES;
    }
    if (smaps != NULL)
        fclose(smaps);
    return total;
}

static int look_at_snapshot(void *userdata)
{
    const struct snapshot *snapshot = userdata;
    struct answer answer = {0};
    char go;

    if (lab_stream_read(snapshot->go, &go, 1) < 0)
        return 1;
    for (long i = 0; i < PAGES; i++)
        answer.unchanged += snapshot->pages[i * PAGE_BYTES] == (unsigned char)i;
    answer.private_pages = count_private(snapshot->pages);
    return fd_write_all(snapshot->out, &answer, sizeof(answer)) == 0 ? 0 : 1;
}

static void tell(struct lab_stage *stage, const struct answer *answer, long private_before, long private_after)
{
    lab_number(stage, "pages in the snapshot", PAGES, "");
    lab_number(stage, "rewritten by the parent meanwhile", REWRITTEN, "");
    lab_claim(stage, answer->unchanged == PAGES, "the child still sees every page as it was at the fork");
    lab_number(stage, "pages the parent has for itself, right after the fork", (double)private_before, "");
    lab_number(stage, "the same when it has written", (double)private_after, "");
    lab_claim(stage, private_before == 0 && private_after == REWRITTEN,
              "the kernel copied exactly the pages that were written, when they were");
    lab_number(stage, "pages only the child still has (the originals)", (double)answer->private_pages, "");
    lab_claim(stage, answer->private_pages == REWRITTEN, "and the originals of those are the child's alone");
}

static void show(struct lab_stage *stage)
{
    struct snapshot snapshot = {.go = -1, .out = -1};
    struct answer answer = {0};
    int go[2], out[2];

    snapshot.pages = mmap(NULL, (size_t)PAGES * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (snapshot.pages == MAP_FAILED || pipe(go) < 0 || pipe(out) < 0) {
        lab_claim(stage, false, "cannot begin: %s", strerror(errno));
        return;
    }
    madvise(snapshot.pages, (size_t)PAGES * PAGE_BYTES, MADV_NOHUGEPAGE); /* pages are counted one by one */
    for (long i = 0; i < PAGES; i++)
        snapshot.pages[i * PAGE_BYTES] = (unsigned char)i;
    lab_say(stage, "fork() copies no memory; both see the same pages until one of them writes.");
    snapshot.go = go[0];
    snapshot.out = out[1];
    pid_t pid = lab_fork(stage, look_at_snapshot, &snapshot);
    long private_before = count_private(snapshot.pages);
    for (long i = 0; i < REWRITTEN; i++)
        snapshot.pages[i * PAGE_BYTES] = (unsigned char)~i;
    long private_after = count_private(snapshot.pages);
    (void)!write(go[1], "g", 1);
    fd_close(&out[1]);
    int rc = lab_stream_read(out[0], &answer, sizeof(answer));
    lab_claim(stage, lab_wait_child(pid, 10000) == 0 && rc == 0,
              "the child looked at its snapshot after the parent had written");
    tell(stage, &answer, private_before, private_after);
    lab_pitfall(stage, "The copy is paid for later: a parent that rewrites everything needs the memory twice.");
    fd_close_many(go, 2);
    fd_close_many(out, 2);
    munmap(snapshot.pages, (size_t)PAGES * PAGE_BYTES);
}

LAB_ENTRY(entry, .name = "copy-on-write", .family = "shared memory",
          .summary = "a snapshot by fork while the parent goes on writing",
          .pitfall = "pages are copied when they are written, so the cost comes later", .show = show);
