/* Two pages that share memory, painted in one process: what about:wave writes is what about:scope shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/document/shared_buffer.h"
#include "common/clock.h"
#include "common/fd.h"
#include "renderer/engine/engine_scene.h"
#include "renderer/engine/scene_signal.h"
#include "tests/support/leaks.h"

#define NONE   BULKHEAD__NAVIGATE__SHARED_BUFFER__NONE
#define WRITER BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER
#define READER BULKHEAD__NAVIGATE__SHARED_BUFFER__READER
#define TAKEN  BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN

enum { WIDTH_PX = 400, HEIGHT_PX = 300, HOSTILE_ROUNDS = 60 };
/* The lamps beside the words. */
enum {
    SCOPE_LIVE = 0x5dff80,
    SCOPE_WAITS = 0xffb347,
    SCOPE_WITHOUT = 0x6b7580,
    WAVE_SHARES = 0x7bd968,
    WAVE_DOES_NOT = 0xffb347
};

struct page {
    int fd; // borrowed by the document
    struct engine_document *document;
    unsigned frames;
    uint8_t pixels[HEIGHT_PX][WIDTH_PX][3];
};

struct pair {
    struct shared_buffer buffer;
    struct page wave, scope;
};

static void open_page(struct pair *pair, struct page *page, const char *url, Bulkhead__Navigate__SharedBuffer expected)
{
    struct engine_source source = {.url = url, .document_fd = -1};
    struct engine_error error = {0};

    assert_int_equal(
        shared_buffer_hand_out(&pair->buffer, shared_buffer_end_of(url), 1, &source.shared_end, &source.shared_fd), 0);
    assert_int_equal(source.shared_end, expected);
    page->fd = source.shared_fd;
    assert_int_equal(engine_scene.open(&source, &page->document, &error), 0);
}

static void close_page(struct page *page)
{
    engine_scene.close(page->document);
    fd_close(&page->fd);
}

static void paint(struct page *page)
{
    struct engine_paint order = {
        .pixels = &page->pixels[0][0][0],
        .width_px = WIDTH_PX,
        .height_px = HEIGHT_PX,
        .stride_bytes = WIDTH_PX * 3,
        .scale_x = 1,
        .scale_y = 1,
        .time_ns = page->frames * 40000000ull,
        .sequence = page->frames++,
    };
    struct engine_damage damage;
    struct engine_error error = {0};

    assert_int_equal(engine_scene.paint(page->document, &order, &damage, &error), 0);
}

/* Whether a lamp of this colour is lit. */
static bool has_lamp(const struct page *page, uint32_t colour)
{
    unsigned count = 0;

    for (int y = 0; y < HEIGHT_PX; y++)
        for (int x = 0; x < WIDTH_PX; x++)
            count +=
                (uint32_t)(page->pixels[y][x][0] << 16 | page->pixels[y][x][1] << 8 | page->pixels[y][x][2]) == colour;
    return count >= 50;
}

/* The brightest row of a column: where the beam passes, if it is flat there. */
static int beam_row(const struct page *page, int column, int *ret_brightness)
{
    int row = 0;

    *ret_brightness = 0;
    for (int y = HEIGHT_PX / 8; y < HEIGHT_PX * 7 / 8; y++) {
        const uint8_t *pixel = page->pixels[y][column];
        int brightness = pixel[0] + pixel[1] + pixel[2];
        if (brightness > *ret_brightness) {
            *ret_brightness = brightness;
            row = y;
        }
    }
    return row;
}

static void write_flat(struct scene_signal *signal, int16_t value, uint64_t age_ns)
{
    int16_t samples[SWEEP_SAMPLES];

    for (int i = 0; i < SWEEP_SAMPLES; i++)
        samples[i] = value;
    scene_signal_write(signal, samples, clock_now_ns() - age_ns);
}

static int make_pair(void **state)
{
    static struct pair pair;

    if (leaks_remember(state) != 0)
        return -1;
    memset(&pair, 0, sizeof(pair));
    shared_buffer_init(&pair.buffer);
    open_page(&pair, &pair.scope, "about:scope", READER);
    *state = &pair;
    return 0;
}

static int remove_pair(void **state)
{
    struct pair *pair = *state;

    close_page(&pair->scope);
    shared_buffer_fini(&pair->buffer);
    return leaks_assert_none(state);
}

static void waits_for_a_signal_until_there_is_one(void **state)
{
    struct pair *pair = *state;

    paint(&pair->scope);
    assert_true(has_lamp(&pair->scope, SCOPE_WAITS));
    assert_false(has_lamp(&pair->scope, SCOPE_LIVE));
    open_page(pair, &pair->wave, "about:wave", WRITER);
    paint(&pair->wave);
    assert_true(has_lamp(&pair->wave, WAVE_SHARES));
    paint(&pair->scope);
    assert_true(has_lamp(&pair->scope, SCOPE_LIVE));
    assert_false(has_lamp(&pair->scope, SCOPE_WAITS));
    close_page(&pair->wave);
}

static void shows_the_samples_that_were_written(void **state)
{
    struct pair *pair = *state;
    struct scene_signal writer;
    Bulkhead__Navigate__SharedBuffer end;
    int fd, brightness;

    assert_int_equal(shared_buffer_hand_out(&pair->buffer, WRITER, 1, &end, &fd), 0);
    assert_int_equal(scene_signal_map(&writer, end, fd), 0);
    fd_close(&fd);
    /* Later sweeps outshine those before. */
    static const int16_t values[] = {0, 24000, -24000, 12000};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        write_flat(&writer, values[i], 0);
        paint(&pair->scope);
        int row = beam_row(&pair->scope, WIDTH_PX / 3, &brightness);
        int expected = HEIGHT_PX / 2 - values[i] * (HEIGHT_PX / 2 - 40) / 32768;
        if (abs(row - expected) > 12)
            fail_msg("%d is shown in row %d, not near row %d", values[i], row, expected);
    }
    scene_signal_unmap(&writer);
}

static void a_signal_that_stopped_fades_and_is_said_to_have_stopped(void **state)
{
    struct pair *pair = *state;
    struct scene_signal writer;
    Bulkhead__Navigate__SharedBuffer end;
    int fd, live, stopped;

    assert_int_equal(shared_buffer_hand_out(&pair->buffer, WRITER, 1, &end, &fd), 0);
    assert_int_equal(scene_signal_map(&writer, end, fd), 0);
    fd_close(&fd);
    write_flat(&writer, 8000, 0);
    paint(&pair->scope);
    beam_row(&pair->scope, WIDTH_PX / 3, &live);
    write_flat(&writer, 8000, 5000000000);
    paint(&pair->scope);
    beam_row(&pair->scope, WIDTH_PX / 3, &stopped);
    assert_true(has_lamp(&pair->scope, SCOPE_WAITS));
    assert_true(stopped < live * 3 / 4);
    write_flat(&writer, 8000, 0);
    paint(&pair->scope);
    assert_true(has_lamp(&pair->scope, SCOPE_LIVE));
    scene_signal_unmap(&writer);
}

static void what_is_done_to_the_wave_is_seen_in_the_scope(void **state)
{
    struct pair *pair = *state;
    Bulkhead__Input key = BULKHEAD__INPUT__INIT;
    static uint8_t before[sizeof(pair->scope.pixels)];

    open_page(pair, &pair->wave, "about:wave", WRITER);
    paint(&pair->wave);
    paint(&pair->scope);
    memcpy(before, pair->scope.pixels, sizeof(before));
    key.kind = BULKHEAD__INPUT__KIND__KEY;
    key.code = ' ';
    assert_true(engine_scene.input(pair->wave.document, &key)); /* another shape */
    for (int i = 0; i < SWEEP_SLOTS; i++)
        paint(&pair->wave);
    paint(&pair->scope);
    size_t different = 0;
    for (size_t i = 0; i < sizeof(before); i++)
        different += before[i] != ((uint8_t *)pair->scope.pixels)[i];
    assert_true(different > sizeof(before) / 50);
    close_page(&pair->wave);
}

static void a_second_wave_says_that_there_is_a_writer_already(void **state)
{
    struct pair *pair = *state;
    static struct page second;

    open_page(pair, &pair->wave, "about:wave", WRITER);
    memset(&second, 0, sizeof(second));
    open_page(pair, &second, "about:wave?square", TAKEN);
    paint(&second);
    assert_true(has_lamp(&second, WAVE_DOES_NOT));
    assert_false(has_lamp(&second, WAVE_SHARES));
    paint(&pair->scope);
    assert_true(has_lamp(&pair->scope, SCOPE_WAITS)); /* nothing was written */
    close_page(&second);
    close_page(&pair->wave);
}

static void a_scope_without_an_end_says_so(void **state)
{
    static struct page alone;
    struct engine_source source = {.url = "about:scope", .document_fd = -1, .shared_fd = -1};
    struct engine_error error = {0};

    (void)state;
    alone = (struct page){.fd = -1};
    assert_int_equal(engine_scene.open(&source, &alone.document, &error), 0);
    paint(&alone);
    assert_true(has_lamp(&alone, SCOPE_WITHOUT));
    close_page(&alone);
}

/* Everything nonsense, or forged so that it is taken for sweeps. */
static void fill(struct sweep_ring *ring, uint32_t *random)
{
    uint32_t *words = (uint32_t *)(void *)ring;

    for (size_t i = 0; i < SWEEP_RING_BYTES / sizeof(*words); i++)
        words[i] = *random = *random * 1664525 + 1013904223;
    for (unsigned i = 0; *random >> 16 & 1 && i < SWEEP_SLOTS; i++)
        ring->slots[(ring->latest - i) & (SWEEP_SLOTS - 1)].ticket = 2 * (ring->latest - i);
}

static void a_hostile_writer_makes_the_picture_wrong_and_no_more(void **state)
{
    struct pair *pair = *state;
    struct scene_signal writer;
    Bulkhead__Navigate__SharedBuffer end;
    Bulkhead__Input click = BULKHEAD__INPUT__INIT;
    uint32_t random = 12345;
    int fd;

    assert_int_equal(shared_buffer_hand_out(&pair->buffer, WRITER, 1, &end, &fd), 0);
    assert_int_equal(scene_signal_map(&writer, end, fd), 0);
    fd_close(&fd);
    click.kind = BULKHEAD__INPUT__KIND__POINTER;
    paint(&pair->scope);
    for (int round = 0; round < HOSTILE_ROUNDS; round++) {
        fill(writer.ring, &random);
        click.x_px = (int32_t)(random % WIDTH_PX);
        engine_scene.input(pair->scope.document, &click);
        paint(&pair->scope);
    }
    /* The next honest writer is shown as ever. */
    for (int i = 0; i < SWEEP_SLOTS; i++)
        write_flat(&writer, 0, 0);
    paint(&pair->scope);
    assert_true(has_lamp(&pair->scope, SCOPE_LIVE));
    scene_signal_unmap(&writer);
}

#define AS_A_PAIR(test) cmocka_unit_test_setup_teardown(test, make_pair, remove_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        AS_A_PAIR(waits_for_a_signal_until_there_is_one),
        AS_A_PAIR(shows_the_samples_that_were_written),
        AS_A_PAIR(a_signal_that_stopped_fades_and_is_said_to_have_stopped),
        AS_A_PAIR(what_is_done_to_the_wave_is_seen_in_the_scope),
        AS_A_PAIR(a_second_wave_says_that_there_is_a_writer_already),
        cmocka_unit_test(a_scope_without_an_end_says_so),
        AS_A_PAIR(a_hostile_writer_makes_the_picture_wrong_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
