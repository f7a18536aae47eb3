/* command_pipeline.h - real commands joined by pipes: each end where it belongs, every other closed, every end known.
 */
#ifndef BULKHEAD_LAB_COMMAND_PIPELINE_H
#define BULKHEAD_LAB_COMMAND_PIPELINE_H

#include <stddef.h>
#include <sys/types.h>

enum { COMMAND_PIPELINE_MAX = 16 };

struct command {
    char *const *argv; /* ends with NULL; borrowed */
    pid_t pid;         /* -1 if it was never started, or has been waited for */
    int outcome;       /* exit code, 128 + the signal that ended it, or -errno: not started, or -ETIMEDOUT */
};

/* Splits words at "|" into commands; the words "|" become NULL. How many, or -EINVAL: an empty command, or too many. */
int command_pipeline_parse(char **words, size_t word_count, struct command commands[COMMAND_PIPELINE_MAX]);

/* Starts all of them; one that cannot be started has its reason in outcome and the others run as they would in a shell.
 * input: what the first one reads; borrowed, -1 for nothing. 0 with what the last one writes to (owned), or -errno and
 * nothing was started. */
int command_pipeline_start(struct command *commands, size_t count, int input, int *ret_output);

/* Waits for each, at most timeout_ms for all, then kills. */
void command_pipeline_wait(struct command *commands, size_t count, int timeout_ms);

/* Reads to the end of the stream, at most out_bytes - 1 and timeout_ms; NUL-terminated. Bytes read, or -ETIMEDOUT. */
ssize_t command_pipeline_read(int output, char *out, size_t out_bytes, int timeout_ms);

#endif
