/* The native scenes through the engine seam alone: what they paint, where, and what they say about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "renderer/engine/engine_scene.h"
#include "renderer/engine/scene.h"

enum { GUARD_BYTES = 4096, GUARD = 0xa5, PADDING = 0x5a };

/* A buffer with guards before, behind and between the rows. */
struct sheet {
    uint8_t *memory, *pixels;
    uint32_t width_px, height_px, stride_bytes;
    size_t size_bytes;
};

static struct sheet sheet_make(uint32_t width_px, uint32_t height_px, uint32_t padding_bytes, uint8_t old_content)
{
    struct sheet sheet = {.width_px = width_px, .height_px = height_px, .stride_bytes = width_px * 3 + padding_bytes};
    sheet.size_bytes = (size_t)sheet.stride_bytes * height_px;
    sheet.memory = malloc(sheet.size_bytes + 2 * GUARD_BYTES);
    assert_non_null(sheet.memory);
    memset(sheet.memory, GUARD, sheet.size_bytes + 2 * GUARD_BYTES);
    sheet.pixels = sheet.memory + GUARD_BYTES;
    for (uint32_t y = 0; y < height_px; y++) {
        memset(sheet.pixels + (size_t)y * sheet.stride_bytes, old_content, width_px * 3);
        memset(sheet.pixels + (size_t)y * sheet.stride_bytes + width_px * 3, PADDING, padding_bytes);
    }
    return sheet;
}

static void assert_only_pixels_were_written(const struct sheet *sheet)
{
    for (size_t i = 0; i < GUARD_BYTES; i++) {
        assert_int_equal(sheet->memory[i], GUARD);
        assert_int_equal(sheet->pixels[sheet->size_bytes + i], GUARD);
    }
    for (uint32_t y = 0; y < sheet->height_px; y++)
        for (uint32_t x = sheet->width_px * 3; x < sheet->stride_bytes; x++)
            assert_int_equal(sheet->pixels[(size_t)y * sheet->stride_bytes + x], PADDING);
}

static struct engine_document *open_url(const char *url)
{
    struct engine_source source = {.url = url, .document_fd = -1};
    struct engine_document *document = NULL;
    struct engine_error error = {0};
    assert_true(engine_scene.accepts(&source));
    assert_int_equal(engine_scene.open(&source, &document, &error), 0);
    return document;
}

static struct engine_document *open_scene(const struct scene *scene)
{
    /* The clock of the wall would make a picture that no second run can make again. */
    char url[64];
    snprintf(url, sizeof(url), "about:%s%s", scene->name, strcmp(scene->name, "clock") == 0 ? "?at=1700000000" : "");
    return open_url(url);
}

static struct engine_damage paint_scrolled(struct engine_document *document, struct sheet *sheet, uint32_t sequence,
                                           int32_t scroll_px)
{
    struct engine_paint paint = {
        .pixels = sheet->pixels,
        .width_px = sheet->width_px,
        .height_px = sheet->height_px,
        .stride_bytes = sheet->stride_bytes,
        .scale_x = 1,
        .scale_y = 1,
        .scroll_x_px = scroll_px,
        .scroll_y_px = scroll_px,
        .time_ns = sequence * 16666667ull,
        .sequence = sequence,
    };
    struct engine_damage damage = {.count = ENGINE_DAMAGE_RECTS + 1};
    struct engine_error error = {0};
    assert_int_equal(engine_scene.paint(document, &paint, &damage, &error), 0);
    assert_true(damage.count <= ENGINE_DAMAGE_RECTS);
    return damage;
}

static struct engine_damage paint(struct engine_document *document, struct sheet *sheet, uint32_t sequence)
{
    return paint_scrolled(document, sheet, sequence, 0);
}

static bool inside_damage(const struct engine_damage *damage, uint32_t x, uint32_t y)
{
    for (size_t i = 0; i < damage->count; i++) {
        const struct engine_rect *rect = &damage->rects[i];
        if (x - rect->x_px < rect->width_px && y - rect->y_px < rect->height_px)
            return true;
    }
    return damage->count == 0;
}

static void paints_every_scene_at_any_size_and_stride_within_its_buffer(void **state)
{
    static const struct {
        uint32_t width_px, height_px, padding_bytes;
    } sizes[] = {{1, 1, 1},   {1, 200, 3},    {200, 1, 0},   {2, 3, 7},     {17, 31, 5},
                 {64, 48, 0}, {321, 241, 11}, {1030, 20, 2}, {20, 1030, 1}, {640, 480, 0}};
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
            struct engine_document *document = open_scene(*scene);
            struct sheet sheet = sheet_make(sizes[i].width_px, sizes[i].height_px, sizes[i].padding_bytes, 0);
            for (uint32_t sequence = 0; sequence < 130; sequence += 32)
                paint(document, &sheet, sequence);
            paint_scrolled(document, &sheet, 130, 100000);
            paint_scrolled(document, &sheet, 131, -100000);
            assert_only_pixels_were_written(&sheet);
            free(sheet.memory);
            engine_scene.close(document);
        }
}

static void paints_over_whatever_the_buffer_held(void **state)
{
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++) {
        struct engine_document *first = open_scene(*scene), *second = open_scene(*scene);
        struct sheet black = sheet_make(203, 151, 3, 0), white = sheet_make(203, 151, 3, 0xff);
        for (uint32_t sequence = 0; sequence < 90; sequence += 7) {
            paint(first, &black, sequence);
            paint(second, &white, sequence);
            assert_memory_equal(black.pixels, white.pixels, black.size_bytes);
        }
        free(black.memory);
        free(white.memory);
        engine_scene.close(first);
        engine_scene.close(second);
    }
}

static void assert_damage_is_truthful(const struct scene *scene, const struct engine_damage *damage,
                                      const struct sheet *before, const struct sheet *after)
{
    for (size_t i = 0; i < damage->count; i++) {
        const struct engine_rect *rect = &damage->rects[i];
        assert_true(rect->width_px > 0 && rect->height_px > 0);
        assert_true(rect->x_px + rect->width_px <= after->width_px && rect->y_px + rect->height_px <= after->height_px);
    }
    for (uint32_t y = 0; y < after->height_px; y++)
        for (uint32_t x = 0; x < after->width_px; x++) {
            size_t at = (size_t)y * after->stride_bytes + x * 3;
            if (memcmp(before->pixels + at, after->pixels + at, 3) != 0 && !inside_damage(damage, x, y))
                fail_msg("about:%s changed pixel %u,%u outside its damage", scene->name, x, y);
        }
}

/* How many of so many frames claimed less than everything. */
static unsigned check_damage(const struct scene *scene, uint32_t width_px, uint32_t height_px, uint32_t frames)
{
    unsigned partial = 0;
    struct engine_document *document = open_scene(scene);
    struct sheet sheets[2] = {sheet_make(width_px, height_px, 1, 0), sheet_make(width_px, height_px, 1, 0)};
    assert_int_equal(paint(document, &sheets[1], 0).count, 0);
    for (uint32_t sequence = 1; sequence < frames; sequence++) {
        struct engine_damage damage = paint(document, &sheets[sequence % 2 == 0], sequence);
        assert_damage_is_truthful(scene, &damage, &sheets[sequence % 2], &sheets[sequence % 2 == 0]);
        partial += damage.count > 0;
    }
    free(sheets[0].memory);
    free(sheets[1].memory);
    engine_scene.close(document);
    return partial;
}

static void reports_every_changed_pixel_as_damage(void **state)
{
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++) {
        check_damage(*scene, 333, 222, 150);
        check_damage(*scene, 71, 250, 90);
        check_damage(*scene, 700, 510, 40);
    }
}

static void reports_less_than_everything_where_little_moves(void **state)
{
    static const struct scene *const calm[] = {&scene_bounce, &scene_clock, &scene_life, &scene_testcard, &scene_blank};
    (void)state;
    for (size_t i = 0; i < sizeof(calm) / sizeof(*calm); i++)
        assert_true(check_damage(calm[i], 320, 240, 100) > 90);
}

static void calls_everything_damaged_after_a_change_of_size(void **state)
{
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++) {
        struct engine_document *document = open_scene(*scene);
        struct sheet small = sheet_make(100, 80, 0, 0), large = sheet_make(140, 90, 0, 0);
        paint(document, &small, 0);
        assert_int_equal(paint(document, &large, 1).count, 0);
        assert_int_equal(paint_scrolled(document, &large, 2, 5).count, 0);
        free(small.memory);
        free(large.memory);
        engine_scene.close(document);
    }
}

static void moves_exactly_those_scenes_that_say_they_are_animated(void **state)
{
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++) {
        struct engine_document *document = open_scene(*scene);
        struct sheet before = sheet_make(320, 240, 0, 0), after = sheet_make(320, 240, 0, 0);
        struct engine_info info;
        struct engine_error error;
        assert_int_equal(engine_scene.info(document, &info, &error), 0);
        assert_int_equal(info.page_count, 1);
        assert_string_equal(info.format, "scene");
        assert_true(info.title[0] != 0);
        paint(document, &before, 0);
        paint(document, &after, 70);
        assert_int_equal(memcmp(before.pixels, after.pixels, before.size_bytes) != 0, info.animated);
        free(before.memory);
        free(after.memory);
        engine_scene.close(document);
    }
}

static bool press(struct engine_document *document, Bulkhead__Input__Kind kind, uint32_t code, int32_t x_px,
                  int32_t y_px)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;
    input.kind = kind;
    input.code = code;
    input.x_px = x_px;
    input.y_px = y_px;
    return engine_scene.input(document, &input);
}

static void assert_input_changes_picture(const struct scene *scene, Bulkhead__Input__Kind kind)
{
    struct engine_document *touched = open_scene(scene), *left_alone = open_scene(scene);
    struct sheet one = sheet_make(320, 240, 0, 0), other = sheet_make(320, 240, 0, 0);
    paint(touched, &one, 1);
    paint(left_alone, &other, 1);
    assert_memory_equal(one.pixels, other.pixels, one.size_bytes);
    if (!press(touched, kind, kind == BULKHEAD__INPUT__KIND__KEY ? ' ' : 1, 201, 77))
        fail_msg("about:%s took no notice of input %d", scene->name, (int)kind);
    assert_int_equal(paint(touched, &one, 12).count, 0);
    paint(left_alone, &other, 12);
    assert_memory_not_equal(one.pixels, other.pixels, one.size_bytes);
    free(one.memory);
    free(other.memory);
    engine_scene.close(touched);
    engine_scene.close(left_alone);
}

static void answers_keys_and_pointer_in_every_animated_scene(void **state)
{
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++)
        if ((*scene)->animated) {
            assert_input_changes_picture(*scene, BULKHEAD__INPUT__KIND__KEY);
            assert_input_changes_picture(*scene, BULKHEAD__INPUT__KIND__POINTER);
        }
}

static void survives_any_input_and_any_leap_of_time(void **state)
{
    static const int32_t places[] = {INT32_MIN, -1, 0, 5, 63, 64, INT32_MAX};
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++) {
        struct engine_document *document = open_scene(*scene);
        struct sheet sheet = sheet_make(64, 64, 4, 0);
        press(document, BULKHEAD__INPUT__KIND__POINTER, 1, 3, 3); /* before the first frame */
        paint(document, &sheet, 0);
        for (uint32_t code = 0; code < 300; code++) {
            press(document, BULKHEAD__INPUT__KIND__KEY, code, 0, 0);
            press(document, BULKHEAD__INPUT__KIND__POINTER, code, places[code % 7], places[code / 7 % 7]);
            if (code % 16 == 0)
                paint(document, &sheet, code);
        }
        paint(document, &sheet, UINT32_MAX);
        paint(document, &sheet, 0);
        assert_only_pixels_were_written(&sheet);
        free(sheet.memory);
        engine_scene.close(document);
    }
}

static void says_which_pages_there_are_when_asked_for_another(void **state)
{
    static const char *const unknown[] = {"about:nonsense", "about:clockwork", "about:cloc", "about:../etc/passwd"};
    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        struct engine_source source = {.url = unknown[i], .document_fd = -1};
        struct engine_document *document = NULL;
        struct engine_error error = {0};
        assert_true(engine_scene.accepts(&source));
        assert_int_equal(engine_scene.open(&source, &document, &error), -1);
        assert_null(document);
        assert_int_equal(error.code, BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT);
        assert_non_null(strstr(error.detail, unknown[i]));
        for (const struct scene *const *scene = scene_list; *scene; scene++)
            assert_non_null(strstr(error.detail, (*scene)->name));
    }
}

static void clips_the_name_of_a_page_that_nobody_could_read(void **state)
{
    (void)state;
    char url[4096];
    memset(url, 'x', sizeof(url) - 1);
    url[sizeof(url) - 1] = 0;
    memcpy(url, "about:", 6);
    struct engine_source source = {.url = url, .document_fd = -1};
    struct engine_document *document = NULL;
    struct engine_error error = {0};
    assert_int_equal(engine_scene.open(&source, &document, &error), -1);
    assert_true(strlen(error.detail) < ENGINE_DETAIL_BYTES);
    assert_non_null(strstr(error.detail, "plasma"));
}

static void leaves_files_and_other_schemes_to_other_engines(void **state)
{
    static const char *const urls[] = {"", "file:///etc/passwd", "http://about:blank", "About:blank", "about"};
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct engine_source source = {.url = urls[i], .document_fd = -1};
        assert_false(engine_scene.accepts(&source));
    }
    struct engine_source none = {.url = NULL, .document_fd = -1};
    assert_false(engine_scene.accepts(&none));
}

static void has_one_page_and_no_other(void **state)
{
    (void)state;
    struct engine_document *document = open_url("about:");
    struct engine_bounds bounds;
    struct engine_error error = {0};
    uint8_t pixel[3] = {GUARD, GUARD, GUARD};
    struct engine_paint paint = {.pixels = pixel, .width_px = 1, .height_px = 1, .stride_bytes = 3, .page = 1};
    struct engine_damage damage;
    assert_int_equal(engine_scene.measure(document, 0, &bounds, &error), 0);
    assert_true(bounds.x1_pt > bounds.x0_pt && bounds.y1_pt > bounds.y0_pt);
    assert_int_equal(engine_scene.measure(document, 1, &bounds, &error), -1);
    assert_int_equal(error.code, BULKHEAD__ERROR__CODE__NO_SUCH_PAGE);
    assert_int_equal(engine_scene.paint(document, &paint, &damage, &error), -1);
    assert_int_equal(pixel[0], GUARD);
    engine_scene.close(document);
}

static void keeps_little_for_a_document(void **state)
{
    (void)state;
    for (const struct scene *const *scene = scene_list; *scene; scene++)
        assert_true((*scene)->state_bytes <= 64 * 1024);
}

static void takes_any_question_mark_for_what_it_is_worth(void **state)
{
    static const char *const urls[] = {"about:clock?at=99999999999999999999",
                                       "about:clock?at=-7",
                                       "about:clock?at=",
                                       "about:plasma?9",
                                       "about:plasma?\xff",
                                       "about:life?seed",
                                       "about:bounce?b#c",
                                       "about:?"};
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(*urls); i++) {
        struct engine_document *document = open_url(urls[i]);
        struct sheet sheet = sheet_make(90, 60, 0, 0);
        paint(document, &sheet, 0);
        paint(document, &sheet, 9);
        free(sheet.memory);
        engine_scene.close(document);
    }
}

static void shows_the_hour_it_is_given(void **state)
{
    (void)state;
    struct engine_document *noon = open_url("about:clock?at=43200"), *later = open_url("about:clock?at=43201");
    struct sheet one = sheet_make(320, 240, 0, 0), other = sheet_make(320, 240, 0, 0);
    paint(noon, &one, 0);
    paint(later, &other, 0);
    assert_memory_not_equal(one.pixels, other.pixels, one.size_bytes);
    paint(noon, &one, 60); /* 16,666,667 ns a frame: a second and 20 ns */
    paint(later, &other, 0);
    size_t different = 0;
    for (size_t i = 0; i < one.size_bytes; i++)
        different += one.pixels[i] != other.pixels[i];
    assert_true(different < one.size_bytes / 10000);
    free(one.memory);
    free(other.memory);
    engine_scene.close(noon);
    engine_scene.close(later);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paints_every_scene_at_any_size_and_stride_within_its_buffer),
        cmocka_unit_test(paints_over_whatever_the_buffer_held),
        cmocka_unit_test(reports_every_changed_pixel_as_damage),
        cmocka_unit_test(reports_less_than_everything_where_little_moves),
        cmocka_unit_test(calls_everything_damaged_after_a_change_of_size),
        cmocka_unit_test(moves_exactly_those_scenes_that_say_they_are_animated),
        cmocka_unit_test(answers_keys_and_pointer_in_every_animated_scene),
        cmocka_unit_test(survives_any_input_and_any_leap_of_time),
        cmocka_unit_test(says_which_pages_there_are_when_asked_for_another),
        cmocka_unit_test(clips_the_name_of_a_page_that_nobody_could_read),
        cmocka_unit_test(leaves_files_and_other_schemes_to_other_engines),
        cmocka_unit_test(has_one_page_and_no_other),
        cmocka_unit_test(keeps_little_for_a_document),
        cmocka_unit_test(takes_any_question_mark_for_what_it_is_worth),
        cmocka_unit_test(shows_the_hour_it_is_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
