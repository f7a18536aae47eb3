/* trace_messages.h - messages on their way into a trace: noted as they pass, written when there is time.
 *
 * A slice of JSON costs more than the message it tells of, so a message only leaves a few numbers here. Messages of one
 * kind that came in one packet are one note with their count. Owned by the trace, which has them written when it is
 * flushed, and when there are TRACE_MESSAGES_KEPT of them.
 */
#ifndef BULKHEAD_TRACE_MESSAGES_H
#define BULKHEAD_TRACE_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { TRACE_MESSAGES_KEPT = 4096, TRACE_MESSAGES_LINE = 384 };

struct trace_message {
    pid_t pid;         // of the peer
    bool is_upward;    // from it
    unsigned type;     // oneof field number
    uint32_t count;    // of messages alike
    uint64_t sent_ns;  // of the first, by its sender's word; 0 = not said
    uint64_t start_ns; // upward: when the packet was read; downward: sent_ns
    uint64_t end_ns;   // dealt with; 0 = not yet
};

struct trace_messages {
    size_t count;
    struct trace_message kept[TRACE_MESSAGES_KEPT];
};

/* Notes a message; its count is one, its end not known. Whatever came before it is over now, and so is all by
 * trace_messages_end(). False when there is no room: write them first. */
bool trace_messages_add(struct trace_messages *messages, const struct trace_message *message);
void trace_messages_end(struct trace_messages *messages);

/* The slices of one message as lines of JSON, at most two: in the broker's row, and where a peer says it sent it.
 * Returns how many. */
size_t trace_messages_format(const struct trace_message *message, pid_t broker_pid,
                             char ret_lines[2][TRACE_MESSAGES_LINE]);

/* Flow and slice ids of a message in the trace: unique per peer and direction. */
uint64_t trace_messages_flow(pid_t pid, bool is_upward, uint64_t sent_ns);

#endif
