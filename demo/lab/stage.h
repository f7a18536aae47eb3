/* stage.h - where a show tells its story: lines for people, claims that are checked, numbers; the same as JSON.
 *
 * A show says what it does (lab_say), states numbers it found (lab_number), and claims (lab_claim). A claim that does
 * not hold fails the show. Nothing a show prints bypasses the stage, so --json has all of it.
 */
#ifndef BULKHEAD_LAB_STAGE_H
#define BULKHEAD_LAB_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct lab_stage;

/* json: collect instead of print. directory: a scratch directory of the show's own, borrowed. */
int lab_stage_create(FILE *out, bool json, const char *directory, struct lab_stage **ret_stage);
void lab_stage_destroy(struct lab_stage *stage); /* takes NULL */

const char *lab_stage_directory(const struct lab_stage *stage);
/* What stood after "--" on the command line, for entries that say they take it. The words end with NULL and are
 * borrowed; the show may write to them. */
void lab_stage_set_arguments(struct lab_stage *stage, char **words, size_t count);
char **lab_stage_arguments(const struct lab_stage *stage, size_t *ret_count);

/* Begins the story of one entry. */
void lab_stage_begin(struct lab_stage *stage, const char *name, const char *summary, const char *pitfall);
/* Ends it. False if a claim did not hold. */
bool lab_stage_end(struct lab_stage *stage);
/* After the last story: the JSON document. */
void lab_stage_finish(struct lab_stage *stage);

/* A step, in one sentence. */
void lab_say(struct lab_stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of what a program or a peer put out; escaped. */
void lab_quote(struct lab_stage *stage, const char *text);
/* A number with its unit ("messages", "KB", "us"). */
void lab_number(struct lab_stage *stage, const char *name, double value, const char *unit);
/* What must be so; returns holds. */
bool lab_claim(struct lab_stage *stage, bool holds, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* The pitfall, provoked: what goes wrong when one does not know. */
void lab_pitfall(struct lab_stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Not possible on this host: says why; no failure. */
void lab_skip(struct lab_stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A child that runs `body` and exits with what it returns; the stage's output is flushed first. -errno if there is no
 * process to be had. The child must not use the stage. */
pid_t lab_fork(struct lab_stage *stage, int (*body)(void *userdata), void *userdata);
/* Waits at most timeout_ms (then kills it, and returns -ETIMEDOUT). The exit code, 128 + the signal that ended it, or
 * -errno. */
int lab_wait_child(pid_t pid, int timeout_ms);

#endif
