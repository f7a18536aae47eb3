/* errand.h - work that must not be done in the broker's loop: a throw-away child does it, this executable started again
 * with a hidden argument.
 *
 * The child finds what it works on as its standard input, writes what it found to its standard output, and ends. The
 * broker reads that in its loop, bounds it, kills a child that takes too long, and reaps it. How far a child lowers
 * itself is its own affair (symbolise_lower.c, document_hash.c); it is given no descriptor but 0, 1 and 2 and no
 * environment.
 */
#ifndef BULKHEAD_ERRAND_H
#define BULKHEAD_ERRAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/loop.h"

/* What a child can be sent for; its main runs by itself, before main(), in any program that links errand_start(). */
enum errand_kind { ERRAND_SYMBOLISE, ERRAND_HASH, ERRAND_KINDS };
/* The hidden argument, alone on the command line: "--symbolise-child". */
const char *errand_argument(enum errand_kind kind);

struct errand;

struct errand_result {
    const char *text; /* as the child wrote it: not escaped, not terminated, at most what was asked for */
    size_t text_bytes;
    bool is_late;               /* it was killed at its deadline */
    int wait_code, wait_status; /* as in siginfo */
};

/* Called once, from the loop; the errand is freed after it. */
typedef void (*errand_fn)(struct errand *errand, const struct errand_result *result, void *userdata);

/* Borrows input_fd for the call. The caller's fds 0, 1 and 2 must be open. 0 or -errno. */
int errand_start(struct loop *loop, enum errand_kind kind, int input_fd, uint32_t deadline_ms, size_t most_bytes,
                 errand_fn fn, void *userdata, struct errand **ret_errand);
/* Kills the child and frees the errand without calling back. Takes NULL. */
void errand_cancel(struct errand *errand);

/* Whether it came to its end by itself, with exit code 0, in time. */
bool errand_succeeded(const struct errand_result *result);

#endif
