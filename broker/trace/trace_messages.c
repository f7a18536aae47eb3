#include "broker/trace/trace_messages.h"

#include <string.h>

#include "common/clock.h"
#include "common/codec.h"

enum {
    THREAD_HANDLING = 0,
    THREAD_SENDING = 1,
    THREAD_OF_SENDERS = 2,
    SENT_MARK_NS = 1000, // a peer's sending is known by its word only; a short slice marks it
};

uint64_t trace_messages_flow(pid_t pid, bool is_upward, uint64_t sent_ns)
{
    return sent_ns ^ (uint64_t)pid << 40 ^ (uint64_t)is_upward << 63;
}

void trace_messages_end(struct trace_messages *messages)
{
    struct trace_message *last = messages->count > 0 ? &messages->kept[messages->count - 1] : NULL;

    if (last != NULL && last->end_ns == 0)
        last->end_ns = clock_now_ns();
}

static bool is_one_more(const struct trace_message *last, const struct trace_message *message)
{
    return last->end_ns == 0 && message->is_upward && last->is_upward && last->pid == message->pid &&
           last->type == message->type && last->start_ns == message->start_ns;
}

bool trace_messages_add(struct trace_messages *messages, const struct trace_message *message)
{
    if (messages->count > 0 && is_one_more(&messages->kept[messages->count - 1], message)) {
        messages->kept[messages->count - 1].count++;
        return true;
    }
    trace_messages_end(messages);
    if (messages->count == TRACE_MESSAGES_KEPT)
        return false;
    struct trace_message *kept = &messages->kept[messages->count++];
    *kept = *message;
    kept->count = 1;
    return true;
}

/* Everything that goes in is bounded: names of the descriptors, numbers, our own words. printf takes five times as
 * long, and a trace has two or three slices a message. */
struct line {
    char *at;
};

static void put(struct line *line, const char *text)
{
    size_t length = strlen(text);

    memcpy(line->at, text, length);
    line->at += length;
}

static void put_number(struct line *line, uint64_t number, unsigned base, unsigned digits)
{
    char text[24], *at = text + sizeof(text);

    do {
        *--at = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0 || at > text + sizeof(text) - digits);
    memcpy(line->at, at, (size_t)(text + sizeof(text) - at));
    line->at += text + sizeof(text) - at;
}

/* Microseconds with three digits behind the point. */
static void put_time(struct line *line, const char *key, uint64_t ns)
{
    put(line, key);
    put_number(line, ns / 1000, 10, 1);
    put(line, ".");
    put_number(line, ns % 1000, 10, 3);
}

struct slice {
    const char *prefix;
    pid_t pid;
    unsigned thread;
    uint64_t start_ns, end_ns, flow;
    bool flow_starts;
};

static void put_slice(char *out, const struct trace_message *message, const struct slice *slice)
{
    struct line line = {out};
    const char *name = codec_type_name(message->is_upward ? &codec_to_broker : &codec_to_renderer, message->type);

    put(&line, "{\"name\":\"");
    put(&line, slice->prefix);
    put(&line, name);
    put(&line, "\",\"cat\":\"ipc\",\"ph\":\"X\",\"pid\":");
    put_number(&line, (uint64_t)slice->pid, 10, 1);
    put(&line, ",\"tid\":");
    put_number(&line, slice->thread, 10, 1);
    put_time(&line, ",\"ts\":", slice->start_ns);
    put_time(&line, ",\"dur\":", slice->end_ns > slice->start_ns ? slice->end_ns - slice->start_ns : 0);
    put(&line, ",\"bind_id\":\"0x");
    put_number(&line, slice->flow, 16, 1);
    put(&line, slice->flow_starts ? "\",\"flow_out\":true" : "\",\"flow_in\":true");
    if (message->count > 1) {
        put(&line, ",\"args\":{\"messages\":");
        put_number(&line, message->count, 10, 1);
        put(&line, "}");
    }
    put(&line, "},\n");
    *line.at = '\0';
}

size_t trace_messages_format(const struct trace_message *message, pid_t broker_pid,
                             char ret_lines[2][TRACE_MESSAGES_LINE])
{
    struct slice slice = {.prefix = message->is_upward ? "ipc." : "send.",
                          .pid = broker_pid,
                          .thread = message->is_upward ? THREAD_HANDLING : THREAD_SENDING,
                          .start_ns = message->start_ns,
                          .end_ns = message->end_ns,
                          .flow = trace_messages_flow(message->pid, message->is_upward, message->sent_ns),
                          .flow_starts = !message->is_upward};

    put_slice(ret_lines[0], message, &slice);
    if (!message->is_upward || message->sent_ns == 0 || message->sent_ns > message->start_ns)
        return 1;
    slice.pid = message->pid;
    slice.thread = THREAD_OF_SENDERS;
    slice.start_ns = message->sent_ns;
    slice.end_ns = message->sent_ns + SENT_MARK_NS;
    slice.flow_starts = true;
    put_slice(ret_lines[1], message, &slice);
    return 2;
}
