/* peer_log.h - what a child writes to its stdout and stderr: pipes into the broker's log, line by line, clipped,
 * escaped, and limited in rate (policy: log_text_bytes_per_second). Owns the pipes' reading ends. */
#ifndef BULKHEAD_PEER_LOG_H
#define BULKHEAD_PEER_LOG_H

#include <stdbool.h>
#include <stddef.h>

struct services;
struct peer_log;

/* Takes both fds. `label` is borrowed for the log's life. 0 or -errno. */
int peer_log_create(const struct services *services, const char *label, int *stdout_fd, int *stderr_fd,
                    struct peer_log **ret_log);
/* Whether so much text more may be logged in this second; what may not is counted as dropped. */
bool peer_log_admit(struct peer_log *log, size_t bytes);
/* Reads what is left, without waiting. */
void peer_log_drain(struct peer_log *log);
void peer_log_destroy(struct peer_log *log); /* takes NULL */

#endif
