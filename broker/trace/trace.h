/* trace.h - the --trace file: Chrome trace-event JSON, one row a process, valid at every moment.
 *
 * Format: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (JSON array form). Whole
 * lines of one event, buffered in memory, written when the buffer is full, on trace_flush() and at the end. Each write
 * ends the array, and the next one goes over that end, so a broker that is killed leaves what any JSON reader takes. A
 * kill in the middle of a write leaves whole events without the end, and so does one whose trace is a pipe: the array
 * form needs none, for the programs that show traces. Events are not in the order of their times. Names are escaped
 * here. Flow ids tie a slice that sends to the slice that receives.
 */
#ifndef BULKHEAD_TRACE_H
#define BULKHEAD_TRACE_H

#include <stdint.h>
#include <sys/types.h>

struct trace;
struct trace_message;

/* Creates or truncates the file. 0 or -errno. */
int trace_open(const char *path, struct trace **ret_trace);
/* Flushes and closes; 0 or the first write error (-errno) there was. Takes NULL. */
int trace_close(struct trace *trace);
int trace_flush(struct trace *trace);

void trace_process_name(struct trace *trace, pid_t pid, const char *name);
void trace_thread_name(struct trace *trace, pid_t pid, int thread, const char *name);
/* A slice [start_ns, end_ns]; flow_out / flow_in = 0 for none. Slices of one pid and thread must nest. When both flows
 * are given and differ, the one that goes out starts from an empty slice "ipc.send" at the end of this one. */
void trace_slice(struct trace *trace, pid_t pid, int thread, const char *name, uint64_t start_ns, uint64_t end_ns,
                 uint64_t flow_out, uint64_t flow_in);
/* A message that passed (trace_messages.h); its slices are written later. */
void trace_message(struct trace *trace, const struct trace_message *message);
/* The last one is dealt with. */
void trace_message_end(struct trace *trace);
/* A vertical mark over all rows. detail may be NULL. */
void trace_instant(struct trace *trace, pid_t pid, const char *name, const char *detail, uint64_t at_ns);
void trace_counter(struct trace *trace, pid_t pid, const char *name, uint64_t at_ns, uint64_t value);

#endif
