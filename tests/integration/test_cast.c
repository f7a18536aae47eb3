/* test_cast.c - bulkhead cast by its stream: header, frames, pixels, and readers that come, go, and come back. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "tests/support/process.h"
#include "tests/support/scratch.h"

enum { WIDTH = 320, HEIGHT = 200, TIMEOUT_MS = 60000 };

static const char head_420[] = "YUV4MPEG2 W320 H200 F60:1 Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n";
static const size_t frame_420 = WIDTH * HEIGHT * 3 / 2;

/* Exactly so many bytes before the deadline; false at the end of the stream. */
static bool read_whole(int fd, void *out, size_t bytes)
{
    unsigned char *at = out;

    while (bytes > 0) {
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, TIMEOUT_MS), 1);
        ssize_t length = read(fd, at, bytes);
        if (length <= 0)
            return false;
        at += length;
        bytes -= (size_t)length;
    }
    return true;
}

static void assert_header(int fd)
{
    char header[sizeof(head_420)] = "";

    assert_true(read_whole(fd, header, sizeof(head_420) - 1));
    assert_string_equal(header, head_420);
}

/* The planes of the next frame; owned. */
static uint8_t *read_frame(int fd, size_t bytes)
{
    char mark[7] = "";
    uint8_t *planes = malloc(bytes);

    assert_non_null(planes);
    assert_true(read_whole(fd, mark, 6));
    assert_string_equal(mark, "FRAME\n");
    assert_true(read_whole(fd, planes, bytes));
    return planes;
}

static void assert_pixel(const uint8_t *planes, int x, int y, uint8_t luma, uint8_t cb, uint8_t cr)
{
    const uint8_t *chroma = planes + WIDTH * HEIGHT;
    int at = y / 2 * (WIDTH / 2) + x / 2;

    assert_int_equal(planes[y * WIDTH + x], luma);
    assert_int_equal(chroma[at], cb);
    assert_int_equal(chroma[WIDTH * HEIGHT / 4 + at], cr);
}

/* The test card begins with the colour bars: white, yellow, cyan, green, magenta, red, blue, black. */
static void assert_colour_bars(const uint8_t *planes)
{
    static const uint8_t bars[8][3] = {{235, 128, 128}, {210, 16, 146}, {170, 166, 16}, {145, 54, 34},
                                       {106, 202, 222}, {81, 90, 240},  {41, 240, 110}, {16, 128, 128}};

    for (int i = 0; i < 8; i++)
        assert_pixel(planes, WIDTH / 8 * i + WIDTH / 16, 8, bars[i][0], bars[i][1], bars[i][2]);
}

static void a_stream_has_its_header_so_many_frames_and_the_pictures_colours(void **state)
{
    const char *argv[] = {"bulkhead", "cast", "--fps", "60", "--size",         "320x200",
                          "--frames", "3",    "-o",    "-",  "about:testcard", NULL};
    int fd;
    char byte;
    pid_t pid = process_start(argv, NULL, &fd);

    (void)state;
    assert_header(fd);
    for (int i = 0; i < 3; i++) {
        uint8_t *planes = read_frame(fd, frame_420);
        assert_colour_bars(planes);
        free(planes);
    }
    assert_false(read_whole(fd, &byte, 1));
    assert_int_equal(process_wait(pid, TIMEOUT_MS), 0);
    close(fd);
}

static void full_chroma_has_a_header_and_planes_of_its_own(void **state)
{
    static const char head[] = "YUV4MPEG2 W64 H32 F60:1 Ip A1:1 C444 XCOLORRANGE=LIMITED\n";
    const char *argv[] = {"bulkhead", "cast", "--fps",    "60", "--size",         "64x32",
                          "--chroma", "444",  "--frames", "1",  "about:testcard", NULL};
    char header[sizeof(head)] = "";
    int fd;
    pid_t pid = process_start(argv, NULL, &fd);

    (void)state;
    assert_true(read_whole(fd, header, sizeof(head) - 1));
    assert_string_equal(header, head);
    uint8_t *planes = read_frame(fd, 3 * 64 * 32);
    const size_t red = 5 * 8 + 4;
    assert_int_equal(planes[red], 81);
    assert_int_equal(planes[64 * 32 + red], 90);
    assert_int_equal(planes[2 * 64 * 32 + red], 240);
    free(planes);
    assert_int_equal(process_wait(pid, TIMEOUT_MS), 0);
    close(fd);
}

/* A page stands in the middle of the video, on black. */
static void a_page_lies_on_black_and_is_repeated(void **state)
{
    char path[SCRATCH_PATH];
    const char *argv[] = {
        "bulkhead", "cast", "--fps", "60", "--size", "320x200", "--frames", "2", document_path("sample.pdf"), NULL};
    int fd;
    pid_t pid = process_start(argv, scratch_path(state, "err", path), &fd);

    assert_header(fd);
    uint8_t *first = read_frame(fd, frame_420), *second = read_frame(fd, frame_420);
    assert_memory_equal(first, second, frame_420);
    assert_pixel(first, 0, HEIGHT / 2, 16, 128, 128);
    assert_pixel(first, WIDTH - 1, HEIGHT / 2, 16, 128, 128);
    size_t paper = 0;
    for (size_t i = 0; i < WIDTH * HEIGHT; i++)
        paper += first[i] == 235;
    assert_true(paper > WIDTH * HEIGHT / 8);
    free(first);
    free(second);
    assert_int_equal(process_wait(pid, TIMEOUT_MS), 0);
    close(fd);
}

struct needle {
    const char *path, *text;
    size_t count;
};

/* Whether the file has the text so many times. */
static bool has_said(void *userdata)
{
    const struct needle *needle = userdata;
    size_t bytes, found = 0;
    char *text = scratch_read(needle->path, &bytes);

    for (const char *at = text; at != NULL && (at = strstr(at, needle->text)) != NULL; at++)
        found++;
    free(text);
    return found >= needle->count;
}

static void wait_for_words(const char *path, const char *text, size_t count)
{
    struct needle needle = {path, text, count};

    if (!process_wait_until(has_said, &needle, TIMEOUT_MS))
        fail_msg("\"%s\" was not said %zu times", text, count);
}

static int open_reader(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

static void a_reader_goes_in_the_middle_of_a_frame_and_the_next_begins_with_a_header(void **state)
{
    char fifo[SCRATCH_PATH], err[SCRATCH_PATH], part[1000];
    const char *argv[] = {"bulkhead",
                          "cast",
                          "--fps",
                          "60",
                          "--size",
                          "320x200",
                          "--frames",
                          "6",
                          "--json",
                          "--fifo",
                          scratch_path(state, "fifo", fifo),
                          "about:testcard",
                          NULL};
    int out;
    pid_t pid = process_start(argv, scratch_path(state, "err", err), &out);

    wait_for_words(err, "waiting for a reader", 1);
    int fd = open_reader(fifo);
    assert_header(fd);
    free(read_frame(fd, frame_420));
    assert_true(read_whole(fd, part, sizeof(part)));
    close(fd);
    wait_for_words(err, "waiting for the next", 1);
    fd = open_reader(fifo);
    assert_header(fd);
    uint8_t *planes = read_frame(fd, frame_420);
    assert_colour_bars(planes);
    free(planes);
    while (read_whole(fd, part, sizeof(part)))
        continue;
    close(fd);
    assert_int_equal(process_wait(pid, TIMEOUT_MS), 0);
    assert_false(scratch_exists(fifo)); /* it made it */

    json_t *json = json_loadfd(out, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "readers")), 2);
    assert_int_equal(json_integer_value(json_object_get(json, "frames_written")), 6);
    json_decref(json);
    close(out);
}

/* Of the last reader that has gone, as it was said. */
static unsigned long long read_dropped(const char *err)
{
    unsigned long long written, dropped = 0;
    const char *last = NULL;
    size_t bytes;
    char *text = scratch_read(err, &bytes);

    for (const char *at = text; at != NULL && (at = strstr(at, "the reader has gone after ")) != NULL; at++)
        last = at;
    assert_non_null(last);
    assert_int_equal(sscanf(last, "the reader has gone after %llu frames, %llu dropped", &written, &dropped), 2);
    free(text);
    return dropped;
}

/* One frame is more than the pipe holds, so that what is due after it has no room. How long a reader must be deaf for
 * the broker to have had its turn is up to the machine: longer each time, until it has. */
static void a_reader_that_does_not_read_drops_frames_and_holds_nothing_up(void **state)
{
    char fifo[SCRATCH_PATH], err[SCRATCH_PATH];
    const char *argv[] = {"bulkhead",       "cast",     "--fps",  "240",
                          "--size",         "1280x720", "--fifo", scratch_path(state, "fifo", fifo),
                          "about:testcard", NULL};
    unsigned long long dropped = 0;
    int out;

    assert_int_equal(mkfifo(fifo, 0600), 0);
    pid_t pid = process_start(argv, scratch_path(state, "err", err), &out);
    for (size_t reader = 1; reader <= 10 && dropped == 0; reader++) {
        int fd = open_reader(fifo);
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&readable, 1, TIMEOUT_MS), 1);
        assert_int_equal(poll(NULL, 0, 10 << reader), 0);
        close(fd);
        wait_for_words(err, "waiting for the next", reader);
        dropped = read_dropped(err);
    }
    assert_true(dropped > 0);
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(process_wait(pid, TIMEOUT_MS), 128 + SIGTERM);
    assert_true(scratch_exists(fifo)); /* it was there before */
    close(out);
}

static void once_ends_with_the_first_reader(void **state)
{
    char fifo[SCRATCH_PATH], err[SCRATCH_PATH];
    const char *argv[] = {"bulkhead",
                          "cast",
                          "--once",
                          "--size",
                          "320x200",
                          "--fps",
                          "60",
                          "--fifo",
                          scratch_path(state, "fifo", fifo),
                          "about:testcard",
                          NULL};
    int out;

    assert_int_equal(mkfifo(fifo, 0600), 0);
    pid_t pid = process_start(argv, scratch_path(state, "err", err), &out);
    int fd = open_reader(fifo);
    assert_header(fd);
    close(fd);
    assert_int_equal(process_wait(pid, TIMEOUT_MS), 0);
    close(out);
}

static void a_reader_of_standard_output_that_closes_ends_the_cast(void **state)
{
    const char *counted[] = {"bulkhead", "cast", "--size", "320x200", "--frames", "100000", "about:testcard", NULL};
    const char *endless[] = {"bulkhead", "cast", "--size", "320x200", "about:testcard", NULL};
    const char *const *argvs[] = {counted, endless};
    const int codes[] = {34, 0};

    (void)state;
    for (int i = 0; i < 2; i++) {
        int fd;
        char byte;
        pid_t pid = process_start(argvs[i], NULL, &fd);
        assert_true(read_whole(fd, &byte, 1));
        close(fd);
        assert_int_equal(process_wait(pid, TIMEOUT_MS), codes[i]);
    }
}

static void a_signal_ends_the_wait_for_a_reader_and_removes_the_fifo(void **state)
{
    char fifo[SCRATCH_PATH], err[SCRATCH_PATH];
    const char *argv[] = {"bulkhead", "cast", "--fifo", scratch_path(state, "fifo", fifo), "about:testcard", NULL};
    int out;
    pid_t pid = process_start(argv, scratch_path(state, "err", err), &out);

    wait_for_words(err, "waiting for a reader", 1);
    assert_true(scratch_exists(fifo));
    assert_int_equal(kill(pid, SIGTERM), 0);
    assert_int_equal(process_wait(pid, TIMEOUT_MS), 128 + SIGTERM);
    assert_false(scratch_exists(fifo));
    close(out);
}

/* Whatever it was that painted: the cell with all in it. */
static void a_renderer_that_dies_ends_the_stream_and_its_end_is_named(void **state)
{
    char fifo[SCRATCH_PATH], err[SCRATCH_PATH];
    const char *argv[] = {"bulkhead",       "cast", "--size", "320x200",
                          "--fps",          "60",   "--fifo", scratch_path(state, "fifo", fifo),
                          "about:testcard", NULL};
    pid_t below[32];
    size_t bytes;
    int out;
    pid_t pid = process_start(argv, scratch_path(state, "err", err), &out);

    wait_for_words(err, "waiting for a reader", 1);
    int fd = open_reader(fifo);
    assert_header(fd);
    size_t count = process_descendants(pid, below, 32);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++)
        kill(below[i], SIGKILL);
    int code = process_wait(pid, TIMEOUT_MS);
    assert_true(code == 46 || code == 51); /* unexpected-exit, or no-renderer if the zygote's end was seen first */
    char *text = scratch_read(err, &bytes);
    assert_non_null(strstr(text, code == 46 ? "about:testcard: " : "cast: "));
    free(text);
    assert_false(scratch_exists(fifo));
    close(fd);
    close(out);
}

static void expect_end(const char *const *argv, const char *stdout_path, int code, const char *words)
{
    const struct process_options options = {.stdout_path = stdout_path};
    struct process_result result;

    process_run(argv, &options, &result);
    if (result.exit_code != code || strstr(result.err, words) == NULL)
        fail_msg("%d, expected %d and \"%s\": %s", result.exit_code, code, words, result.err);
    process_result_free(&result);
}

static void what_cannot_be_cast_is_refused_with_its_own_code(void **state)
{
    char file[SCRATCH_PATH];
    const char *missing[] = {"bulkhead", "cast", "no-such-file.pdf", NULL};
    const char *unknown[] = {"bulkhead", "cast", "about:nothing-of-the-kind", NULL};
    const char *no_page[] = {"bulkhead", "cast", "-p", "999", document_path("sample.pdf"), NULL};
    const char *no_fifo[] = {"bulkhead", "cast", "--fifo", scratch_path(state, "file", file), "about:testcard", NULL};
    const char *no_room[] = {"bulkhead", "cast", "about:testcard", NULL};
    const char *no_file[] = {"bulkhead", "cast", NULL};
    const char *elsewhere[] = {"bulkhead", "cast", "-o", "video.y4m", "about:testcard", NULL};
    const char *both[] = {"bulkhead", "cast", "-o", "-", "--fifo", "x", "about:testcard", NULL};
    const char *json[] = {"bulkhead", "cast", "--json", "about:testcard", NULL};
    const char *rate[] = {"bulkhead", "cast", "--fps", "0", "about:testcard", NULL};
    const char *size[] = {"bulkhead", "cast", "--size", "15x100", "about:testcard", NULL};
    const char *chroma[] = {"bulkhead", "cast", "--chroma", "422", "about:testcard", NULL};

    scratch_write(state, "file", "not a FIFO", 10);
    expect_end(missing, NULL, 10, "no such file");
    expect_end(unknown, NULL, 20, "testcard");
    expect_end(no_page, NULL, 24, "page");
    expect_end(no_fifo, NULL, 30, "no FIFO");
    expect_end(no_room, "/dev/full", 33, "no space");
    expect_end(no_file, NULL, 2, "which file");
    expect_end(elsewhere, NULL, 2, "video.y4m");
    expect_end(both, NULL, 2, "not both");
    expect_end(json, NULL, 2, "--fifo");
    expect_end(rate, NULL, 2, "--fps");
    expect_end(size, NULL, 2, "--size");
    expect_end(chroma, NULL, 2, "--chroma");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)
    const struct CMUnitTest tests[] = {
        TEST(a_stream_has_its_header_so_many_frames_and_the_pictures_colours),
        TEST(full_chroma_has_a_header_and_planes_of_its_own),
        TEST(a_page_lies_on_black_and_is_repeated),
        TEST(a_reader_goes_in_the_middle_of_a_frame_and_the_next_begins_with_a_header),
        TEST(a_reader_that_does_not_read_drops_frames_and_holds_nothing_up),
        TEST(once_ends_with_the_first_reader),
        TEST(a_reader_of_standard_output_that_closes_ends_the_cast),
        TEST(a_signal_ends_the_wait_for_a_reader_and_removes_the_fifo),
        TEST(a_renderer_that_dies_ends_the_stream_and_its_end_is_named),
        TEST(what_cannot_be_cast_is_refused_with_its_own_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
