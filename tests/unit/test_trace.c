// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/trace/trace.h"
#include "broker/trace/trace_messages.h"
#include "common/codec.h"
#include "common/fd.h"

enum { KILLS = 12 };

struct fixture {
    char path[64];
    int fds_before;
    struct trace *trace;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fds_before = fd_count_open();
    snprintf(f->path, sizeof f->path, "/tmp/bulkhead-trace-XXXXXX");
    int fd = mkstemp(f->path);
    fd_close(&fd);
    assert_int_equal(trace_open(f->path, &f->trace), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    trace_close(f->trace);
    unlink(f->path);
    int left = fd_count_open() - f->fds_before;
    free(f);
    return left;
}

static char *read_all(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    *ret_bytes = (size_t)ftell(file);
    rewind(file);
    char *text = malloc(*ret_bytes + 1);
    assert_int_equal(fread(text, 1, *ret_bytes, file), *ret_bytes);
    text[*ret_bytes] = '\0';
    fclose(file);
    return text;
}

// The events of a complete trace (owned by the caller).
static json_t *load_closed(struct fixture *f)
{
    json_error_t error;

    assert_int_equal(trace_close(f->trace), 0);
    f->trace = NULL;
    json_t *events = json_load_file(f->path, JSON_REJECT_DUPLICATES, &error);
    assert_non_null(events);
    assert_true(json_is_array(events));
    return events;
}

static const char *string_of(json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    assert_non_null(text);
    return text;
}

// A trace that is open and flushed is one array for any reader of JSON. Returns the count.
static int parse_open(const char *path)
{
    json_error_t error;
    json_t *events = json_load_file(path, JSON_REJECT_DUPLICATES, &error);

    assert_non_null(events);
    int count = (int)json_array_size(events);
    json_decref(events);
    return count;
}

// Whatever moment it was cut at: every line is a whole event, and the file with its last comma exchanged for an end is
// one array, if it has no end. Returns the count.
static int parse_unfinished(const char *path)
{
    size_t bytes;
    char *text = read_all(path, &bytes), *rest = text + 2;
    int count = 0;

    assert_memory_equal(text, "[\n", 2);
    if (bytes > 3 && strcmp(text + bytes - 3, "\n]\n") == 0) {
        free(text);
        return parse_open(path);
    }
    for (char *end; (end = strchr(rest, '\n')) != NULL; rest = end + 1) {
        if (strspn(rest, " ") == (size_t)(end - rest))
            continue;
        assert_int_equal(end[-1], ',');
        json_t *event = json_loadb(rest, (size_t)(end - rest) - 1, 0, NULL);
        assert_non_null(event);
        assert_non_null(json_object_get(event, "ph"));
        json_decref(event);
        count++;
    }
    assert_int_equal(*rest, '\0'); // nothing after the last newline
    char *comma = strrchr(text, ',');
    if (comma != NULL)
        *comma = ']';
    json_t *all = comma != NULL ? json_loadb(text, (size_t)(comma - text) + 1, 0, NULL) : json_array();
    assert_int_equal(json_array_size(all), count);
    json_decref(all);
    free(text);
    return count;
}

static void a_complete_trace_is_plain_json(void **state)
{
    json_t *events, *event;

    trace_process_name(((struct fixture *)*state)->trace, 42, "broker");
    trace_thread_name(((struct fixture *)*state)->trace, 42, 1, "sending");
    trace_slice(((struct fixture *)*state)->trace, 42, 1, "ipc.paint", 1234567, 2234568, 0, 0);
    trace_counter(((struct fixture *)*state)->trace, 42, "messages", 5000, 7);
    trace_instant(((struct fixture *)*state)->trace, 42, "crashed", "SIGSEGV", 6001);
    events = load_closed(*state);
    assert_int_equal(json_array_size(events), 6);
    event = json_array_get(events, 0);
    assert_string_equal(string_of(event, "ph"), "M");
    assert_string_equal(string_of(json_object_get(event, "args"), "name"), "broker");
    event = json_array_get(events, 2);
    assert_string_equal(string_of(event, "ph"), "X");
    assert_float_equal(json_number_value(json_object_get(event, "ts")), 1234.567, 1e-6);
    assert_float_equal(json_number_value(json_object_get(event, "dur")), 1000.001, 1e-6);
    assert_null(json_object_get(event, "bind_id"));
    event = json_array_get(events, 3);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(event, "args"), "value")), 7);
    event = json_array_get(events, 4);
    assert_string_equal(string_of(event, "s"), "g");
    assert_string_equal(string_of(json_object_get(event, "args"), "detail"), "SIGSEGV");
    json_decref(events);
}

static void flows_tie_a_sender_to_a_receiver(void **state)
{
    struct fixture *f = *state;
    json_t *events, *event;

    trace_slice(f->trace, 1, 0, "out", 100, 200, 0xabcdef0123456789, 0);
    trace_slice(f->trace, 2, 0, "in", 300, 400, 0, 0xabcdef0123456789);
    trace_slice(f->trace, 2, 0, "both", 500, 600, 2, 1);
    events = load_closed(f);
    event = json_array_get(events, 0);
    assert_string_equal(string_of(event, "bind_id"), "0xabcdef0123456789");
    assert_true(json_is_true(json_object_get(event, "flow_out")));
    assert_null(json_object_get(event, "flow_in"));
    event = json_array_get(events, 1);
    assert_true(json_is_true(json_object_get(event, "flow_in")));
    assert_null(json_object_get(event, "flow_out"));
    event = json_array_get(events, 2);
    assert_string_equal(string_of(event, "bind_id"), "0x2");
    assert_true(json_is_true(json_object_get(event, "flow_out")));
    event = json_array_get(events, 3);
    assert_string_equal(string_of(event, "name"), "both");
    assert_string_equal(string_of(event, "bind_id"), "0x1");
    assert_null(json_object_get(event, "flow_out"));
    json_decref(events);
}

static struct trace_message received(unsigned type, uint64_t packet_ns, uint64_t sent_ns)
{
    return (struct trace_message){
        .pid = 77, .is_upward = true, .type = type, .sent_ns = sent_ns, .start_ns = packet_ns};
}

static void messages_become_slices_in_two_rows(void **state)
{
    struct fixture *f = *state;
    struct trace_message up = received(BULKHEAD__TO_BROKER__MESSAGE_PONG, 5000, 4000);
    struct trace_message down = {
        .pid = 77, .type = BULKHEAD__TO_RENDERER__MESSAGE_PING, .sent_ns = 1000, .start_ns = 1000};

    trace_message(f->trace, &down);
    trace_message(f->trace, &up);
    json_t *events = load_closed(f);
    assert_int_equal(json_array_size(events), 4);
    json_t *sent = json_array_get(events, 0), *handled = json_array_get(events, 1), *said = json_array_get(events, 2);
    assert_string_equal(string_of(sent, "name"), "send.ping");
    assert_int_equal(json_integer_value(json_object_get(sent, "pid")), getpid());
    assert_int_equal(json_integer_value(json_object_get(sent, "tid")), 1);
    assert_float_equal(json_number_value(json_object_get(sent, "ts")), 1.0, 1e-6);
    assert_true(json_is_true(json_object_get(sent, "flow_out")));
    assert_string_equal(string_of(handled, "name"), "ipc.pong");
    assert_int_equal(json_integer_value(json_object_get(handled, "tid")), 0);
    assert_true(json_is_true(json_object_get(handled, "flow_in")));
    assert_int_equal(json_integer_value(json_object_get(said, "pid")), 77);
    assert_float_equal(json_number_value(json_object_get(said, "ts")), 4.0, 1e-6);
    assert_float_equal(json_number_value(json_object_get(said, "dur")), 1.0, 1e-6);
    assert_string_equal(string_of(handled, "bind_id"), string_of(said, "bind_id"));
    assert_string_not_equal(string_of(handled, "bind_id"), string_of(sent, "bind_id"));
    json_decref(events);
}

static void messages_alike_in_one_packet_are_one_slice(void **state)
{
    struct fixture *f = *state;
    const unsigned log = BULKHEAD__TO_BROKER__MESSAGE_LOG, pong = BULKHEAD__TO_BROKER__MESSAGE_PONG;
    const struct trace_message messages[] = {
        received(log, 5000, 0),  received(log, 5000, 0), received(log, 5000, 0), /* together */
        received(pong, 5000, 0), received(log, 5000, 0),                         /* of another kind between them */
        received(log, 6000, 0),                                                  /* of another packet */
    };
    static const int counts[] = {3, 0, 0, 0, 0};

    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++)
        trace_message(f->trace, &messages[i]);
    trace_message_end(f->trace);
    trace_message(f->trace, &messages[5]); /* after the turn's end */
    json_t *events = load_closed(f);
    assert_int_equal(json_array_size(events), 5 + 1);
    for (size_t i = 0; i < 5; i++) {
        json_t *count = json_object_get(json_object_get(json_array_get(events, i), "args"), "messages");
        assert_int_equal(json_integer_value(count), counts[i]);
    }
    json_decref(events);
}

static void more_messages_than_are_kept_lose_none(void **state)
{
    struct fixture *f = *state;
    const size_t count = 2 * TRACE_MESSAGES_KEPT + 1;

    for (size_t i = 0; i < count; i++) {
        struct trace_message message = received(BULKHEAD__TO_BROKER__MESSAGE_LOG, i + 1, 0);
        trace_message(f->trace, &message);
    }
    json_t *events = load_closed(f);
    assert_int_equal(json_array_size(events), count + 1);
    json_decref(events);
}

static void the_longest_slice_fits_its_line(void **state)
{
    (void)state;
    static char lines[2][TRACE_MESSAGES_LINE];
    unsigned types[CODEC_TYPES];
    const struct codec *const codecs[] = {&codec_to_renderer, &codec_to_broker};

    for (int up = 0; up < 2; up++) {
        size_t count = codec_types(codecs[up], types);
        for (size_t i = 0; i < count; i++) {
            struct trace_message message = {.pid = INT32_MAX,
                                            .is_upward = up,
                                            .type = types[i],
                                            .count = UINT32_MAX,
                                            .sent_ns = UINT64_MAX,
                                            .start_ns = UINT64_MAX,
                                            .end_ns = UINT64_MAX};
            size_t made = trace_messages_format(&message, INT32_MAX, lines);
            assert_int_equal(made, up ? 2 : 1);
            assert_in_range(strlen(lines[made - 1]), 100, TRACE_MESSAGES_LINE - 20);
        }
    }
}

static void names_cannot_break_out_of_their_strings(void **state)
{
    struct fixture *f = *state;
    char longest[5000];
    json_t *events;

    memset(longest, '"', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    trace_slice(f->trace, 1, 0, "a\"},{\"b\n\x1b\xff", 1, 2, 3, 4);
    trace_instant(f->trace, 1, longest, longest, 3);
    trace_instant(f->trace, 1, "no detail", NULL, 3);
    events = load_closed(f);
    assert_int_equal(json_array_size(events), 5);
    assert_string_equal(string_of(json_array_get(events, 1), "name"), "a\"},{\"b\n\x1b\xef\xbf\xbd");
    json_decref(events);
}

static void an_open_trace_is_loadable_after_a_flush(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(parse_open(f->path), 0);
    for (int i = 0; i < 5000; i++)
        trace_slice(f->trace, 1, 0, "slice", (uint64_t)i * 1000, (uint64_t)i * 1000 + 1, 0, (uint64_t)i);
    assert_true(parse_open(f->path) < 5000); // the rest is still in memory
    assert_int_equal(trace_flush(f->trace), 0);
    assert_int_equal(parse_open(f->path), 5000);
    assert_int_equal(trace_flush(f->trace), 0); // and nothing new
    assert_int_equal(parse_open(f->path), 5000);
    json_t *events = load_closed(f);
    assert_int_equal(json_array_size(events), 5001);
    json_decref(events);
}

static __attribute__((noreturn)) void write_for_ever(const char *path)
{
    struct trace *trace;

    if (trace_open(path, &trace) != 0)
        _exit(1);
    for (uint64_t i = 0;; i++) {
        trace_slice(trace, 1, (int)(i % 7), i % 3 == 0 ? "short" : "a rather longer name than that", i * 999, i * 1000,
                    i, 0);
        if (i % 64 == 0)
            trace_flush(trace);
    }
}

// Waits until the file has grown to `size` bytes; false at the deadline of about 10 s.
static bool wait_for_size(const char *path, off_t size)
{
    struct stat status;

    for (int i = 0; i < 10000; i++) {
        if (stat(path, &status) == 0 && status.st_size >= size)
            return true;
        poll(NULL, 0, 1);
    }
    return false;
}

static void a_writer_killed_anywhere_leaves_whole_events(void **state)
{
    struct fixture *f = *state;

    for (int i = 0; i < KILLS; i++) {
        assert_int_equal(truncate(f->path, 0), 0);
        pid_t pid = fork();
        if (pid == 0)
            write_for_ever(f->path);
        assert_true(pid > 0);
        bool grew = wait_for_size(f->path, 40000 + i * 3777);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_true(grew);
        assert_true(parse_unfinished(f->path) > 100);
    }
}

// A SIGKILL in the middle of a write stops it at the end of a page of the file: cut there, it must still parse.
static void no_event_lies_across_the_end_of_a_page(void **state)
{
    struct fixture *f = *state;
    struct stat status;

    for (int i = 0; i < 3000; i++)
        trace_slice(f->trace, 1, 0, i % 2 == 0 ? "x" : "a name of another length", (uint64_t)i, (uint64_t)i + 1, 0, 0);
    assert_int_equal(trace_flush(f->trace), 0);
    assert_int_equal(stat(f->path, &status), 0);
    assert_true(status.st_size > 200000);
    for (off_t size = status.st_size / 4096 * 4096; size > 0; size -= 4096) {
        assert_int_equal(truncate(f->path, size), 0);
        assert_true(parse_unfinished(f->path) > 10);
    }
}

static void a_trace_can_go_into_a_pipe(void **state)
{
    int fds[2];
    char path[32], text[4096] = "";
    struct trace *trace;

    (void)state;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    snprintf(path, sizeof path, "/dev/fd/%d", fds[1]);
    assert_int_equal(trace_open(path, &trace), 0);
    trace_counter(trace, 1, "messages", 1, 1);
    assert_int_equal(trace_flush(trace), 0);
    trace_counter(trace, 1, "messages", 2, 2);
    assert_int_equal(trace_close(trace), 0);
    fd_close(&fds[1]);
    assert_true(read(fds[0], text, sizeof text - 1) > 0);
    fd_close(&fds[0]);
    json_t *events = json_loads(text, 0, NULL);
    assert_int_equal(json_array_size(events), 3);
    json_decref(events);
}

static void a_full_disk_is_reported_at_the_end(void **state)
{
    struct trace *trace;

    (void)state;
    assert_int_equal(trace_open("/dev/full", &trace), -ENOSPC);
    assert_int_equal(trace_open("/nonexistent/trace", &trace), -ENOENT);
    assert_int_equal(trace_close(NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_complete_trace_is_plain_json),
        TEST(flows_tie_a_sender_to_a_receiver),
        TEST(messages_become_slices_in_two_rows),
        TEST(messages_alike_in_one_packet_are_one_slice),
        TEST(more_messages_than_are_kept_lose_none),
        cmocka_unit_test(the_longest_slice_fits_its_line),
        TEST(names_cannot_break_out_of_their_strings),
        TEST(an_open_trace_is_loadable_after_a_flush),
        TEST(a_writer_killed_anywhere_leaves_whole_events),
        TEST(no_event_lies_across_the_end_of_a_page),
        TEST(a_trace_can_go_into_a_pipe),
        TEST(a_full_disk_is_reported_at_the_end),
    };
    return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
