/* entry.h - one mechanism of the lab: what it is called, how two processes talk through it, and what there is to show.
 *
 * Each mechanism is one file in demo/lab/mechanisms/ that ends with LAB_ENTRY(...). That puts a pointer into a section
 * of the executable which lab_entries() reads, so adding a mechanism is adding a file. A transport is what the
 * benchmark drives; a show is a short story with its pitfall provoked and then handled, whose claims are checked.
 */
#ifndef BULKHEAD_LAB_ENTRY_H
#define BULKHEAD_LAB_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

#include "demo/lab/stage.h"

/* What a mechanism can do, for the comparison that `bulkhead-lab list` prints. */
enum lab_capability {
    LAB_KEEPS_BOUNDARIES = 1 << 0, /* what was sent as one arrives as one */
    LAB_BOTH_WAYS = 1 << 1,        /* one object serves both directions */
    LAB_CARRIES_FDS = 1 << 2,
    LAB_POLLABLE = 1 << 3,   /* a descriptor that epoll can watch */
    LAB_UNRELATED = 1 << 4,  /* processes find each other by a name */
    LAB_MANY_PEERS = 1 << 5, /* more than two at once without further means */
    LAB_PRIORITIES = 1 << 6,
    LAB_NO_KERNEL_COPY = 1 << 7, /* the data is not copied by the kernel */
    LAB_CROSSES_HOSTS = 1 << 8,
    LAB_MAY_LOSE = 1 << 9, /* a full queue drops messages */
};
enum { LAB_CAPABILITIES = 10 };

enum lab_side { LAB_LEFT, LAB_RIGHT };

/* What the two will exchange; some mechanisms size their memory or their queues by it. */
struct lab_shape {
    size_t message_bytes;  /* of each message */
    bool one_core;         /* both sides share a processor: spinning must yield */
    const char *directory; /* for names in the file system; exists, is empty, and is removed afterwards */
};

struct lab_link; /* each mechanism's own */

/* All functions but open run in the process of their side, after the fork. 0 or -errno; a send or receive blocks. */
struct lab_transport {
    unsigned capabilities; /* enum lab_capability */
    size_t transfer_bytes; /* size of one message of a large transfer */
    /* Before the fork: what both sides inherit. Owned. */
    int (*open)(const struct lab_shape *shape, struct lab_link **ret_link);
    /* After the fork: takes a side, closes what is the other's. May be NULL. */
    int (*join)(struct lab_link *link, enum lab_side side);
    int (*send)(struct lab_link *link, const void *data, size_t size_bytes);
    /* Exactly size_bytes. */
    int (*receive)(struct lab_link *link, void *data, size_t size_bytes);
    /* Sends what was kept back to travel together; NULL if nothing ever is. */
    int (*flush)(struct lab_link *link);
    /* In both processes; the left side also removes what has a name. Takes NULL. */
    void (*close)(struct lab_link *link);
};

struct lab_entry {
    const char *name;    /* "pipe" */
    const char *family;  /* "pipes": entries of one family stand together */
    const char *summary; /* one line */
    const char *pitfall; /* one line: what the show provokes and then handles */
    /* What the show takes after "--", as a usage line names it; NULL: nothing. */
    const char *arguments;
    /* Columns of the table the source material fills: ms for 1,000,000 messages of 1 KB, ms for 1 GB; 0 = no claim. */
    double claimed_messages_ms, claimed_transfer_ms;
    double claimed_a_second; /* messages of 1 KB; 0 = no claim */
    const char *missing;     /* the package without which this was built as an empty row; NULL: it is there */
    const struct lab_transport *transport; /* NULL: nothing to send with */
    void (*show)(struct lab_stage *stage); /* NULL: only measured */
};

#define LAB_ENTRY(identifier, ...)                                                                                     \
    static const struct lab_entry identifier = {__VA_ARGS__};                                                          \
    static const struct lab_entry *const identifier##_pointer __attribute__((section("lab_entries"), used)) =          \
        &identifier

/* All entries of this executable, by family and name. *ret_count of them; static. */
const struct lab_entry *const *lab_entries(size_t *ret_count);
/* NULL if there is none of this name. */
const struct lab_entry *lab_entry_find(const char *name);

#endif
