#include "broker/trace/trace.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/trace/trace_messages.h"
#include "common/clock.h"
#include "common/fd.h"
#include "common/text.h"

enum {
    BUFFER_BYTES = 64 * 1024,
    // SIGKILL can cut a write short, but only between pages of the file; so no event lies across a page's end.
    PAGE_BYTES = 4096,
    EVENT_BYTES = 2048,
    END_BYTES = 3,
    NAME_BYTES = 256,
    DETAIL_BYTES = 512,
};

struct trace {
    int fd;
    int error;     // the first write error; nothing is written after it
    bool is_file;  // something earlier can be written over
    bool is_ended; // the buffer's last event is the last of all
    uint64_t written_bytes;
    size_t used, carried;                  // the first `carried` bytes are in the file, under the array's end
    char buffer[BUFFER_BYTES + END_BYTES]; // room for that end
    pid_t pid;                             // ours
    struct trace_messages messages;
};

static int trace_write_at(const struct trace *trace, size_t size_bytes)
{
    if (!trace->is_file)
        return fd_write_all(trace->fd, trace->buffer, size_bytes);
    for (size_t done = 0; done < size_bytes;) {
        ssize_t n = pwrite(trace->fd, trace->buffer + done, size_bytes - done, (off_t)(trace->written_bytes + done));
        if (n < 0 && errno != EINTR)
            return -errno;
        done += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

// The end takes the place of the last comma. An event ends before its page does, and so the bracket is on that page,
// too.
static int trace_write(struct trace *trace)
{
    static const char end[END_BYTES + 1] = "\n]\n", comma[] = ",\n";
    const size_t comma_bytes = sizeof comma - 1;
    size_t size_bytes = trace->used, kept = 0;

    if (trace->used == trace->carried)
        return trace->error;
    if (trace->is_file && !trace->is_ended) {
        if (memcmp(trace->buffer + trace->used - comma_bytes, comma, comma_bytes) == 0)
            kept = comma_bytes;
        memcpy(trace->buffer + trace->used - kept, end, END_BYTES);
        size_bytes += END_BYTES - kept;
    }
    if (trace->error == 0)
        trace->error = trace_write_at(trace, size_bytes);
    trace->written_bytes += trace->used - kept;
    memcpy(trace->buffer, comma, kept);
    trace->used = trace->carried = kept;
    return trace->error;
}

static void trace_put(struct trace *trace, const char *text, size_t size_bytes)
{
    memcpy(trace->buffer + trace->used, text, size_bytes);
    trace->used += size_bytes;
}

// Appends one event, on a page of its own if the rest of this one is too short for it (a line of spaces fills the gap).
static void trace_line(struct trace *trace, const char *event, size_t size_bytes)
{
    size_t room = PAGE_BYTES - (trace->written_bytes + trace->used) % PAGE_BYTES;

    if (trace->used + room + size_bytes > BUFFER_BYTES)
        trace_write(trace); // the room stays as it is: a comma may move to the next buffer, and not in the file
    if (size_bytes > room) {
        char filling[EVENT_BYTES];
        memset(filling, ' ', room);
        filling[room - 1] = '\n';
        trace_put(trace, filling, room);
    }
    trace_put(trace, event, size_bytes);
}

static __attribute__((format(printf, 2, 3))) void trace_event(struct trace *trace, const char *format, ...)
{
    char event[EVENT_BYTES];
    va_list args;

    if (trace->error < 0)
        return;
    va_start(args, format);
    int n = vsnprintf(event, sizeof event, format, args);
    va_end(args);
    assert(n > 0 && (size_t)n < sizeof event); // every string in it is bounded
    trace_line(trace, event, (size_t)n);
}

static void trace_write_messages(struct trace *trace)
{
    trace_messages_end(&trace->messages);
    for (size_t i = 0; i < trace->messages.count && trace->error == 0; i++) {
        char lines[2][TRACE_MESSAGES_LINE];
        size_t count = trace_messages_format(&trace->messages.kept[i], trace->pid, lines);
        for (size_t line = 0; line < count; line++)
            trace_line(trace, lines[line], strlen(lines[line]));
    }
    trace->messages.count = 0;
}

void trace_message(struct trace *trace, const struct trace_message *message)
{
    if (trace_messages_add(&trace->messages, message))
        return;
    trace_write_messages(trace);
    trace_messages_add(&trace->messages, message);
}

void trace_message_end(struct trace *trace)
{
    trace_messages_end(&trace->messages);
}

int trace_open(const char *path, struct trace **ret_trace)
{
    struct trace *trace = calloc(1, sizeof *trace);
    int r;

    if (trace == NULL)
        return -ENOMEM;
    trace->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
    if (trace->fd < 0) {
        r = -errno;
        free(trace);
        return r;
    }
    trace->is_file = lseek(trace->fd, 0, SEEK_CUR) == 0;
    trace->pid = getpid();
    trace_put(trace, "[\n", 2);
    r = trace_flush(trace);
    if (r < 0) {
        trace_close(trace);
        return r;
    }
    *ret_trace = trace;
    return 0;
}

int trace_flush(struct trace *trace)
{
    trace_write_messages(trace);
    return trace_write(trace);
}

int trace_close(struct trace *trace)
{
    if (trace == NULL)
        return 0;
    trace_write_messages(trace);
    uint64_t now_ns = clock_now_ns();
    trace_event(trace,
                "{\"name\":\"trace ends\",\"ph\":\"I\",\"s\":\"g\",\"pid\":%d,\"tid\":0,\"ts\":%" PRIu64 ".%03u}\n]\n",
                (int)getpid(), now_ns / 1000, (unsigned)(now_ns % 1000));
    trace->is_ended = true;
    int r = trace_flush(trace);
    if (close(fd_steal(&trace->fd)) < 0 && r == 0)
        r = -errno;
    free(trace);
    return r;
}

static void quote(char *out, size_t out_bytes, const char *text)
{
    text_escape_json(out, out_bytes, text, strlen(text));
}

void trace_process_name(struct trace *trace, pid_t pid, const char *name)
{
    char quoted[NAME_BYTES];

    quote(quoted, sizeof quoted, name);
    trace_event(trace, "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":0,\"args\":{\"name\":\"%s\"}},\n",
                (int)pid, quoted);
}

void trace_thread_name(struct trace *trace, pid_t pid, int thread, const char *name)
{
    char quoted[NAME_BYTES];

    quote(quoted, sizeof quoted, name);
    trace_event(trace, "{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%d,\"args\":{\"name\":\"%s\"}},\n",
                (int)pid, thread, quoted);
}

void trace_slice(struct trace *trace, pid_t pid, int thread, const char *name, uint64_t start_ns, uint64_t end_ns,
                 uint64_t flow_out, uint64_t flow_in)
{
    char quoted[NAME_BYTES], flow[96] = "";
    uint64_t duration_ns = end_ns > start_ns ? end_ns - start_ns : 0;
    uint64_t flow_id = flow_in != 0 ? flow_in : flow_out;
    bool ends_here = flow_in != 0, starts_here = flow_out == flow_id;

    // A slice has room for one flow id. One that ends a flow and starts another hands the second to a slice within.
    if (flow_in != 0 && flow_out != 0 && flow_in != flow_out)
        trace_slice(trace, pid, thread, "ipc.send", start_ns + duration_ns, start_ns + duration_ns, flow_out, 0);
    if (flow_id != 0)
        snprintf(flow, sizeof flow, ",\"bind_id\":\"0x%" PRIx64 "\"%s%s", flow_id,
                 starts_here ? ",\"flow_out\":true" : "", ends_here ? ",\"flow_in\":true" : "");
    quote(quoted, sizeof quoted, name);
    trace_event(trace,
                "{\"name\":\"%s\",\"cat\":\"ipc\",\"ph\":\"X\",\"pid\":%d,\"tid\":%d,\"ts\":%" PRIu64
                ".%03u,\"dur\":%" PRIu64 ".%03u%s},\n",
                quoted, (int)pid, thread, start_ns / 1000, (unsigned)(start_ns % 1000), duration_ns / 1000,
                (unsigned)(duration_ns % 1000), flow);
}

void trace_instant(struct trace *trace, pid_t pid, const char *name, const char *detail, uint64_t at_ns)
{
    char quoted[NAME_BYTES], quoted_detail[DETAIL_BYTES];

    quote(quoted, sizeof quoted, name);
    quote(quoted_detail, sizeof quoted_detail, detail != NULL ? detail : "");
    trace_event(trace,
                "{\"name\":\"%s\",\"cat\":\"event\",\"ph\":\"I\",\"s\":\"g\",\"pid\":%d,\"tid\":0,\"ts\":%" PRIu64
                ".%03u,\"args\":{\"detail\":\"%s\"}},\n",
                quoted, (int)pid, at_ns / 1000, (unsigned)(at_ns % 1000), quoted_detail);
}

void trace_counter(struct trace *trace, pid_t pid, const char *name, uint64_t at_ns, uint64_t value)
{
    char quoted[NAME_BYTES];

    quote(quoted, sizeof quoted, name);
    trace_event(trace,
                "{\"name\":\"%s\",\"ph\":\"C\",\"pid\":%d,\"tid\":0,\"ts\":%" PRIu64
                ".%03u,\"args\":{\"value\":%" PRIu64 "}},\n",
                quoted, (int)pid, at_ns / 1000, (unsigned)(at_ns % 1000), value);
}
