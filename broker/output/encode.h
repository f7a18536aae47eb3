/* encode.h - a few threads that turn lent frames into files.
 *
 * Why threads, in a program that is otherwise one thread and one loop: of the work of rendering a page, three quarters
 * are PNG compression, pure computation on pixels. In the loop it would hold up every other renderer; in the renderer
 * it would compete with the next page. So the loop's thread, and it alone, owns tabs, frames and results; a job is a
 * copy of the facts (where the pixels lie, their size, a path) and goes to a thread and back by way of this pool.
 * Threads open, write and name the file, and touch nothing else. The end of a job comes to the loop through an eventfd.
 *
 * Jobs start in the order in which they were submitted; with one thread they also end in it.
 */
#ifndef BULKHEAD_ENCODE_H
#define BULKHEAD_ENCODE_H

#include <stddef.h>
#include <stdint.h>

#include "broker/output/encode_image.h"
#include "broker/output/output.h"
#include "common/loop.h"

struct encode;

/* What the thread needs. The pixels stay valid until the job's callback (a frame is lent for as long). */
struct encode_job {
    struct encode_image image;
    struct encode_options options;
    const char *path; /* copied; "-" = standard output */
    void *userdata;
};

struct encode_result {
    int error;            /* 0, a guard's word, or -errno */
    uint64_t duration_ns; /* of encoding and writing */
};

/* Called from the loop, once for each job. */
typedef void (*encode_done_fn)(void *userdata, const struct encode_result *result);

/* `guard` is borrowed for the pool's life and must not change. 0 or -errno. */
int encode_create(struct loop *loop, unsigned threads, const struct output_guard *guard, encode_done_fn done,
                  struct encode **ret_encode);
/* Gives up on what is not finished (nothing of it stays on disk) and waits for the threads. Every job that was not yet
 * called back is now, with -ECANCELED if it was given up. Takes NULL. */
void encode_destroy(struct encode *encode);

int encode_submit(struct encode *encode, const struct encode_job *job); /* 0 or -ENOMEM */
size_t encode_pending(const struct encode *encode);                     /* submitted, not yet called back */

#endif
