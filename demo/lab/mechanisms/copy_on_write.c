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

enum { PAGES = 4096, PAGE_BYTES = 4096, REWRITTEN = 1000, BATCH = 256 };

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

/* What the mapping takes of the memory of both processes: shared pages count half in each. In pages; -1 if unknown. */
static long count_held(pid_t pid, const void *address)
{
    char path[64], line[256];
    unsigned long start, end;
    long kilobytes, pages = -1;
    bool is_ours = false;

    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    FILE *smaps = fopen(path, "re");
    while (smaps != NULL && fgets(line, sizeof(line), smaps) != NULL) {
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            is_ours = (unsigned long)(uintptr_t)address >= start && (unsigned long)(uintptr_t)address < end;
        else if (is_ours && sscanf(line, "Pss: %ld kB", &kilobytes) == 1)
            pages = kilobytes * 1024 / PAGE_BYTES;
    }
    if (smaps != NULL)
        fclose(smaps);
    return pages;
}

/* Goes through its snapshot a batch at a time, when told to; lets go of each when it is through with it, or keeps it.
 */
struct saver {
    unsigned char *pages;
    int go, done; // a byte each way for a batch
    bool lets_go;
};

static int save_by_batch(void *userdata)
{
    const struct saver *saver = userdata;
    char byte;

    for (long first = 0; first < PAGES; first += BATCH) {
        if (lab_stream_read(saver->go, &byte, 1) < 0)
            return 1;
        for (long i = first; i < first + BATCH; i++)
            if (saver->pages[i * PAGE_BYTES] != (unsigned char)i)
                return 2;
        if (saver->lets_go && madvise(saver->pages + first * PAGE_BYTES, (size_t)BATCH * PAGE_BYTES, MADV_DONTNEED) < 0)
            return 3;
        if (write(saver->done, &byte, 1) != 1)
            return 4;
    }
    return lab_stream_read(saver->go, &byte, 1) < 0 ? 1 : 0; /* measured while it is here */
}

/* The parent rewrites everything, each batch after it was saved. The most that both held; -1 if that is unknown. */
static long rewrite_all(struct lab_stage *stage, unsigned char *pages, bool lets_go)
{
    int go[2], done[2];
    long most = 0;
    char byte = 'b';

    for (long i = 0; i < PAGES; i++)
        pages[i * PAGE_BYTES] = (unsigned char)i;
    if (pipe(go) < 0 || pipe(done) < 0)
        return -1;
    struct saver saver = {pages, go[0], done[1], lets_go};
    pid_t pid = lab_fork(stage, save_by_batch, &saver);
    fd_close(&done[1]);
    for (long first = 0; first < PAGES && most >= 0; first += BATCH) {
        if (write(go[1], &byte, 1) != 1 || lab_stream_read(done[0], &byte, 1) < 0)
            break;
        for (long i = first; i < first + BATCH; i++)
            pages[i * PAGE_BYTES] = (unsigned char)~i;
        long ours = count_held(getpid(), pages), its = count_held(pid, pages);
        most = ours < 0 || its < 0 ? -1 : ours + its > most ? ours + its : most;
    }
    (void)!write(go[1], &byte, 1);
    int status = lab_wait_child(pid, 10000);
    lab_claim(stage, status == 0, "every page was saved as it was at the fork");
    fd_close_many(go, 2);
    fd_close_many(done, 2);
    return most;
}

static void show_price(struct lab_stage *stage, unsigned char *pages)
{
    enum { ROUNDING = 16 }; /* smaps tells whole kB of halves */

    lab_pitfall(stage, "The copy is paid for later: a parent that rewrites everything needs the memory twice.");
    long most = rewrite_all(stage, pages, false);
    lab_number(stage, "pages both held at the most, of 4096", (double)most, "");
    lab_claim(stage, most >= 2 * PAGES - ROUNDING, "that is twice the memory, which fork() had not asked for");
    lab_say(stage, "A child that lets go of what it has saved (MADV_DONTNEED) gives it back before it is copied:");
    most = rewrite_all(stage, pages, true);
    lab_number(stage, "pages both held at the most, of 4096", (double)most, "");
    lab_claim(stage, most > 0 && most <= PAGES + BATCH + ROUNDING, "never more than once, and a batch");
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
    fd_close_many(go, 2);
    fd_close_many(out, 2);
    show_price(stage, snapshot.pages);
    munmap(snapshot.pages, (size_t)PAGES * PAGE_BYTES);
}

LAB_ENTRY(entry, .name = "copy-on-write", .family = "shared memory",
          .summary = "a snapshot by fork while the parent goes on writing",
          .pitfall = "pages are copied when they are written, so the cost comes later", .show = show);
