#include <errno.h>
#include <fcntl.h>
#include <png.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/output/encode.h"
#include "common/clock.h"
#include "common/fd.h"

enum { WIDTH = 37, HEIGHT = 11, STRIDE = 112, RESULTS = 64, DEADLINE_MS = 10000 };

struct bench {
    char directory[64];
    int fds_before;
    struct loop *loop;
    struct encode *encode;
    uint8_t pixels[STRIDE * HEIGHT];
};

/* What came back, in order. userdata of job i is &results[i]. */
static struct encode_result results[RESULTS];
static size_t order[RESULTS], result_count;

static void on_done(void *userdata, const struct encode_result *result)
{
    struct encode_result *slot = userdata;
    *slot = *result;
    order[result_count++] = (size_t)(slot - results);
}

static int setup_with(void **state, unsigned threads)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    strcpy(bench->directory, "/tmp/bulkhead-test-encode-XXXXXX");
    if (!mkdtemp(bench->directory))
        return -1;
    bench->fds_before = fd_count_open();
    for (size_t i = 0; i < sizeof(bench->pixels); i++)
        bench->pixels[i] = (uint8_t)(i * 7 + i / STRIDE * 13);
    result_count = 0;
    if (loop_create(&bench->loop) < 0 || encode_create(bench->loop, threads, NULL, on_done, &bench->encode) < 0)
        return -1;
    *state = bench;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, 3);
}

static int setup_one_thread(void **state)
{
    return setup_with(state, 1);
}

static int teardown(void **state)
{
    struct bench *bench = *state;
    char command[128];
    encode_destroy(bench->encode);
    loop_destroy(bench->loop);
    int leaked = fd_count_open() - bench->fds_before;
    snprintf(command, sizeof(command), "rm -rf %s", bench->directory);
    if (system(command) != 0)
        leaked = -1;
    free(bench);
    return leaked;
}

static const char *path_of(const struct bench *bench, size_t index, const char *extension)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%zu.%s", bench->directory, index, extension);
    return path;
}

static void submit(struct bench *bench, size_t index, enum encode_format format, const char *path)
{
    struct encode_job job = {
        .image = {bench->pixels, WIDTH, HEIGHT, STRIDE},
        .options = {format, ENCODE_PNG_LEVEL_DEFAULT, 96},
        .path = path,
        .userdata = &results[index],
    };
    assert_int_equal(encode_submit(bench->encode, &job), 0);
}

static void wait_for(struct bench *bench, size_t count)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;
    while (result_count < count && clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(bench->loop, 1000), 0);
    assert_int_equal(result_count, count);
}

static void png_holds_the_same_pixels(void **state)
{
    struct bench *bench = *state;
    png_image image = {.version = PNG_IMAGE_VERSION};
    uint8_t decoded[WIDTH * HEIGHT * 3];
    submit(bench, 0, ENCODE_PNG, path_of(bench, 0, "png"));
    wait_for(bench, 1);
    assert_int_equal(results[0].error, 0);
    assert_true(png_image_begin_read_from_file(&image, path_of(bench, 0, "png")));
    assert_int_equal(image.width, WIDTH);
    assert_int_equal(image.height, HEIGHT);
    image.format = PNG_FORMAT_RGB;
    assert_true(png_image_finish_read(&image, NULL, decoded, WIDTH * 3, NULL));
    for (size_t y = 0; y < HEIGHT; y++)
        assert_memory_equal(decoded + y * WIDTH * 3, bench->pixels + y * STRIDE, WIDTH * 3);
}

/* The rows as libpng filtered them: at level 0 zlib stores, after two bytes of header and five of the block's. */
static const uint8_t *stored_rows(struct bench *bench, uint8_t *file, size_t room)
{
    struct encode_job job = {
        .image = {bench->pixels, WIDTH, HEIGHT, STRIDE},
        .options = {ENCODE_PNG, 0, 96},
        .path = path_of(bench, 0, "png"),
        .userdata = &results[0],
    };
    assert_int_equal(encode_submit(bench->encode, &job), 0);
    wait_for(bench, 1);
    FILE *in = fopen(path_of(bench, 0, "png"), "r");
    size_t size = fread(file, 1, room, in);
    fclose(in);
    uint8_t *idat = memmem(file, size, "IDAT", 4);
    assert_non_null(idat);
    assert_true(idat + 4 + 7 + (WIDTH * 3 + 1) * HEIGHT <= file + size);
    return idat + 4 + 7;
}

static void photographs_get_the_sub_filter(void **state)
{
    struct bench *bench = *state;
    static uint8_t file[65536];
    const uint8_t *rows = stored_rows(bench, file, sizeof(file));
    for (size_t y = 0; y < HEIGHT; y++) {
        const uint8_t *row = rows + y * (WIDTH * 3 + 1), *pixels = bench->pixels + y * STRIDE;
        assert_int_equal(row[0], 1);
        assert_int_equal(row[1], pixels[0]);
        assert_int_equal(row[4], (uint8_t)(pixels[3] - pixels[0]));
    }
}

static void pages_of_text_get_no_filter(void **state)
{
    struct bench *bench = *state;
    static uint8_t file[65536];
    memset(bench->pixels, 255, sizeof(bench->pixels));
    memset(bench->pixels + 30, 0, 12);
    const uint8_t *rows = stored_rows(bench, file, sizeof(file));
    for (size_t y = 0; y < HEIGHT; y++) {
        assert_int_equal(rows[y * (WIDTH * 3 + 1)], 0);
        assert_memory_equal(rows + y * (WIDTH * 3 + 1) + 1, bench->pixels + y * STRIDE, WIDTH * 3);
    }
}

static void ppm_and_raw_hold_rows_without_padding(void **state)
{
    struct bench *bench = *state;
    uint8_t file[WIDTH * HEIGHT * 3 + 64];
    submit(bench, 0, ENCODE_PPM, path_of(bench, 0, "ppm"));
    submit(bench, 1, ENCODE_RAW, path_of(bench, 1, "rgb"));
    wait_for(bench, 2);
    static const char header[] = "P6\n37 11\n255\n";
    FILE *in = fopen(path_of(bench, 0, "ppm"), "r");
    assert_int_equal(fread(file, 1, sizeof(file), in), sizeof(header) - 1 + WIDTH * HEIGHT * 3);
    fclose(in);
    assert_memory_equal(file, header, sizeof(header) - 1);
    assert_memory_equal(file + sizeof(header) - 1 + WIDTH * 3, bench->pixels + STRIDE, WIDTH * 3);
    in = fopen(path_of(bench, 1, "rgb"), "r");
    assert_int_equal(fread(file, 1, sizeof(file), in), WIDTH * HEIGHT * 3);
    fclose(in);
    assert_memory_equal(file + WIDTH * 3, bench->pixels + STRIDE, WIDTH * 3);
}

static void one_thread_keeps_the_order(void **state)
{
    struct bench *bench = *state;
    for (size_t i = 0; i < 40; i++)
        submit(bench, i, i % 2 ? ENCODE_PNG : ENCODE_RAW, path_of(bench, i, "out"));
    wait_for(bench, 40);
    for (size_t i = 0; i < 40; i++)
        assert_int_equal(order[i], i);
    assert_int_equal(encode_pending(bench->encode), 0);
}

static void several_threads_finish_everything(void **state)
{
    struct bench *bench = *state;
    for (size_t i = 0; i < RESULTS; i++)
        submit(bench, i, ENCODE_PNG, path_of(bench, i, "png"));
    wait_for(bench, RESULTS);
    for (size_t i = 0; i < RESULTS; i++) {
        assert_int_equal(results[i].error, 0);
        assert_int_equal(access(path_of(bench, i, "png"), R_OK), 0);
    }
}

static void each_job_has_its_own_error(void **state)
{
    struct bench *bench = *state;
    submit(bench, 0, ENCODE_PNG, "/dev/full");
    submit(bench, 1, ENCODE_PNG, path_of(bench, 1, "png"));
    submit(bench, 2, ENCODE_PNG, bench->directory);
    submit(bench, 3, ENCODE_RAW, "/no/such/directory/at/all");
    wait_for(bench, 4);
    assert_int_equal(results[0].error, -ENOSPC);
    assert_int_equal(results[1].error, 0);
    assert_int_equal(results[2].error, -EISDIR);
    assert_int_equal(results[3].error, -ENOENT);
}

static void destroying_calls_back_for_every_job_and_leaves_no_half_file(void **state)
{
    struct bench *bench = *state;
    size_t count = 40, files = 0;
    for (size_t i = 0; i < count; i++)
        submit(bench, i, ENCODE_PNG, path_of(bench, i, "png"));
    encode_destroy(bench->encode);
    bench->encode = NULL;
    assert_int_equal(result_count, count);
    for (size_t i = 0; i < count; i++) {
        assert_true(results[i].error == 0 || results[i].error == -ECANCELED);
        files += results[i].error == 0;
        assert_int_equal(access(path_of(bench, i, "png"), R_OK) == 0, results[i].error == 0);
    }
    struct stat st;
    assert_int_equal(stat(bench->directory, &st), 0);
    (void)files;
}

static void a_reader_that_does_not_read_cannot_hold_up_the_end(void **state)
{
    struct bench *bench = *state;
    static uint8_t large[3000 * 3 * 100];
    int pipe_fds[2], saved = dup(STDOUT_FILENO);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    fflush(stdout);
    dup2(pipe_fds[1], STDOUT_FILENO);
    struct encode_job job = {
        .image = {large, 3000, 100, 9000},
        .options = {ENCODE_RAW, 0, 0},
        .path = "-",
        .userdata = &results[0],
    };
    encode_submit(bench->encode, &job);
    /* The pipe's first bytes show that the thread is at it; then it must wait for us. */
    char first;
    ssize_t got = read(pipe_fds[0], &first, 1);
    encode_destroy(bench->encode);
    bench->encode = NULL;
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_int_equal(got, 1);
    assert_int_equal(result_count, 1);
    assert_int_equal(results[0].error, -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(png_holds_the_same_pixels, setup, teardown),
        cmocka_unit_test_setup_teardown(photographs_get_the_sub_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(pages_of_text_get_no_filter, setup, teardown),
        cmocka_unit_test_setup_teardown(ppm_and_raw_hold_rows_without_padding, setup, teardown),
        cmocka_unit_test_setup_teardown(one_thread_keeps_the_order, setup_one_thread, teardown),
        cmocka_unit_test_setup_teardown(several_threads_finish_everything, setup, teardown),
        cmocka_unit_test_setup_teardown(each_job_has_its_own_error, setup, teardown),
        cmocka_unit_test_setup_teardown(destroying_calls_back_for_every_job_and_leaves_no_half_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_does_not_read_cannot_hold_up_the_end, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
