/* document_hash.h - the SHA-256 of a document, for the report of an end it may have caused.
 *
 * The broker reads no byte of a document, and a large one would hold up its loop: a throw-away child (errand.h) is
 * given the file and may do nothing but read it, write the sum and exit (seccomp's strict mode). It is not the
 * symboliser's child, which works on hostile input and could make a sum up.
 */
#ifndef BULKHEAD_DOCUMENT_HASH_H
#define BULKHEAD_DOCUMENT_HASH_H

#include <stddef.h>

#include "broker/document/document.h"
#include "common/loop.h"

enum { DOCUMENT_HASH_BYTES = 65 }; /* 64 hexadecimal digits and a NUL */

struct document_hash_job;

/* sha256: 64 small hexadecimal digits, or NULL and why there is none. Called once, from the loop; the job is freed
 * after it. */
typedef void (*document_hash_fn)(struct document_hash_job *job, const char *sha256, const char *why, void *userdata);

/* Of a file or of standard input; -ENOENT for an about: page. Gives the child 5 s. 0 or -errno. */
int document_hash_start(struct loop *loop, const struct document *document, document_hash_fn fn, void *userdata,
                        struct document_hash_job **ret_job);
/* Kills the child and frees the job without calling back. Takes NULL. */
void document_hash_cancel(struct document_hash_job *job);

/* The child's main: reads stdin, writes stdout, returns the exit code (or ends by itself). */
int document_hash_child_main(void);

#endif
