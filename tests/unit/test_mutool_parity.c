/* The pixels are mutool's pixels. Every document is painted by the engine and by `mutool draw`, in processes of their
 * own with a deadline, and compared byte for byte. Skipped where there is no mutool.
 *
 * BULKHEAD_PARITY=PATH[:PATH…] names files and directories to compare; without it, the documents the tests make. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "renderer/engine/engine_mupdf.h"
#include "renderer/engine/format.h"
#include "tests/support/documents.h"
#include "tests/support/engine_driver.h"

enum { DEADLINE_S = 20, PAGES = 3, SETTINGS = 4 };

/* The same transform said in the two languages. */
static const struct setting {
    float scale_x, scale_y, rotate_deg;
    const char *arguments[6];
} settings[SETTINGS] = {
    {1, 1, 0, {"-r", "72"}},
    {1.5f, 1.5f, 0, {"-r", "108"}},
    {0.5f, 0.5f, 90, {"-r", "36", "-R", "90"}},
    {0, 0, 0, {"-w", "300", "-h", "200", "-f"}}, /* whatever scale that is */
};

static struct tally {
    unsigned same, different, refused_by_both, refused_by_mutool, refused_by_engine;
} tally;

/* Where the pictures go; the documents lie in a directory beneath it. */
static char scratch[PATH_MAX / 2], samples[PATH_MAX];

static void write_ppm(const char *path, const struct engine_driver_picture *picture)
{
    FILE *file = fopen(path, "we");
    if (!file)
        _exit(3);
    fprintf(file, "P6\n%u %u\n255\n", picture->width_px, picture->height_px);
    for (uint32_t y = 0; y < picture->height_px; y++)
        fwrite(picture->pixels + (size_t)y * picture->stride_bytes, 3, picture->width_px, file);
    if (fclose(file) != 0)
        _exit(3);
}

/* In a child: paints, exits with 0, 1 for an engine error, 2 when there is no such page. */
static void paint_and_exit(const char *path, uint32_t page, const struct setting *setting, const char *out)
{
    struct engine_driver driver;
    struct engine_error error = {0};
    struct engine_driver_picture picture;
    if (engine_driver_open(&driver, path, NULL, &error) == 0) {
        float scale_x = setting->scale_x, scale_y = setting->scale_y;
        struct engine_bounds bounds;
        if (scale_x == 0 && engine_mupdf.measure(driver.document, page, &bounds, &error) == 0) {
            scale_x = 300 / (bounds.x1_pt - bounds.x0_pt);
            scale_y = 200 / (bounds.y1_pt - bounds.y0_pt);
        }
        if (error.code == BULKHEAD__ERROR__CODE__UNKNOWN &&
            engine_driver_paint(&driver, page, scale_x, scale_y, setting->rotate_deg, &picture, &error) == 0) {
            write_ppm(out, &picture);
            _exit(0);
        }
    }
    if (error.code != BULKHEAD__ERROR__CODE__NO_SUCH_PAGE)
        print_message("  %s: error %d: %s\n", path, error.code, error.detail);
    _exit(error.code == BULKHEAD__ERROR__CODE__NO_SUCH_PAGE ? 2 : 1);
}

static void run_mutool(const char *path, uint32_t page, const struct setting *setting, const char *out)
{
    char number[16];
    snprintf(number, sizeof number, "%u", page + 1);
    const char *arguments[16] = {"mutool", "draw", "-q", "-F", "ppm", "-o", out};
    size_t count = 7;
    for (size_t i = 0; i < 6 && setting->arguments[i]; i++)
        arguments[count++] = setting->arguments[i];
    arguments[count++] = path;
    arguments[count++] = number;
    arguments[count] = NULL;
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    execvp("mutool", (char **)(uintptr_t)arguments);
    _exit(127);
}

/* Exit status, or 1000 + signal; the alarm ends whatever takes too long. */
static int run_child(void (*child)(const char *, uint32_t, const struct setting *, const char *), const char *path,
                     uint32_t page, const struct setting *setting, const char *out)
{
    unlink(out);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(DEADLINE_S);
        child(path, page, setting, out);
        _exit(99);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static uint8_t *read_whole(const char *path, size_t *ret_size_bytes)
{
    FILE *file = fopen(path, "re");
    struct stat status;
    if (!file || fstat(fileno(file), &status) < 0)
        return NULL;
    uint8_t *bytes = malloc((size_t)status.st_size + 1);
    *ret_size_bytes = bytes ? fread(bytes, 1, (size_t)status.st_size, file) : 0;
    fclose(file);
    return bytes;
}

/* Number of differing bytes, or -1 if the files are not even of one size. */
static long count_differences(const char *ours, const char *theirs)
{
    size_t our_size = 0, their_size = 0;
    uint8_t *our_bytes = read_whole(ours, &our_size), *their_bytes = read_whole(theirs, &their_size);
    long differences = our_bytes && their_bytes && our_size == their_size ? 0 : -1;
    for (size_t i = 0; differences >= 0 && i < our_size; i++)
        differences += our_bytes[i] != their_bytes[i];
    free(our_bytes);
    free(their_bytes);
    return differences;
}

/* mutool goes by the name: a name that says nothing gets a link with an ending that does. */
static void name_for_mutool(const char *path, char ret_name[PATH_MAX])
{
    static const char *const endings[FORMAT_COUNT] = {
        [FORMAT_PDF] = "pdf",       [FORMAT_EPUB] = "epub", [FORMAT_XPS] = "xps",  [FORMAT_CBZ] = "cbz",
        [FORMAT_HTML] = "html",     [FORMAT_SVG] = "svg",   [FORMAT_PNG] = "png",  [FORMAT_XHTML] = "xhtml",
        [FORMAT_JPEG] = "jpg",      [FORMAT_GIF] = "gif",   [FORMAT_TIFF] = "tif", [FORMAT_BMP] = "bmp",
        [FORMAT_JPEG_2000] = "jp2", [FORMAT_PNM] = "pnm",
    };
    size_t size_bytes = 0;
    uint8_t *bytes = read_whole(path, &size_bytes);
    enum format format = format_recognise(bytes, size_bytes);
    free(bytes);
    snprintf(ret_name, PATH_MAX, "%s", path);
    const char *dot = strrchr(path, '.');
    if (!endings[format] || (dot && strncasecmp(dot + 1, endings[format], 2) == 0))
        return;
    snprintf(ret_name, PATH_MAX, "%s/link.%s", scratch, endings[format]);
    unlink(ret_name);
    assert_int_equal(symlink(path, ret_name), 0);
}

/* False when there is no such page. */
static bool compare(const char *path, uint32_t page, const struct setting *setting)
{
    char ours[PATH_MAX], theirs[PATH_MAX], name[PATH_MAX];
    snprintf(ours, sizeof ours, "%s/ours.ppm", scratch);
    snprintf(theirs, sizeof theirs, "%s/theirs.ppm", scratch);
    name_for_mutool(path, name);
    int our_status = run_child(paint_and_exit, path, page, setting, ours);
    if (our_status == 2)
        return false;
    int their_status = run_child(run_mutool, name, page, setting, theirs);
    if (our_status != 0 && their_status != 0)
        tally.refused_by_both++;
    else if (our_status != 0)
        tally.refused_by_engine++;
    else if (their_status != 0)
        tally.refused_by_mutool++;
    else if (count_differences(ours, theirs) == 0)
        tally.same++;
    else
        tally.different++;
    if (our_status != 0 || their_status != 0)
        print_message("  %s page %u %s: engine %d, mutool %d\n", path, page + 1, setting->arguments[1], our_status,
                      their_status);
    else if (count_differences(ours, theirs) != 0)
        print_message("  %s page %u %s: %ld bytes differ\n", path, page + 1, setting->arguments[1],
                      count_differences(ours, theirs));
    return our_status == 0;
}

static void compare_file(const char *path)
{
    for (uint32_t page = 0; page < PAGES; page++)
        for (size_t i = 0; i < (page == 0 ? SETTINGS : 1); i++)
            if (!compare(path, page, &settings[i]))
                return;
}

static int visit(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)place;
    if (type == FTW_F)
        compare_file(path);
    return 0;
}

static void paints_the_same_pixels_as_mutool(void **state)
{
    (void)state;
    if (system("mutool -v >/dev/null 2>&1") != 0) {
        print_message("skipped: there is no mutool (package mupdf-tools)\n");
        skip();
    }
    const char *asked = getenv("BULKHEAD_PARITY");
    char *paths = strdup(asked ? asked : samples), *rest = NULL;
    if (!asked)
        documents_write_all(samples);
    for (char *path = strtok_r(paths, ":", &rest); path; path = strtok_r(NULL, ":", &rest))
        assert_int_equal(nftw(path, visit, 16, FTW_PHYS), 0);
    free(paths);
    print_message(
        "parity with mutool: %u same, %u different, %u refused by both, %u refused by mutool only, %u by the engine "
        "only\n",
        tally.same, tally.different, tally.refused_by_both, tally.refused_by_mutool, tally.refused_by_engine);
    assert_int_equal(tally.different, 0);
    if (!asked)
        assert_int_equal(tally.refused_by_engine, 0);
    assert_true(tally.same > 0);
}

static int make_scratch(void **state)
{
    (void)state;
    documents_make_directory(scratch, sizeof scratch);
    snprintf(samples, sizeof samples, "%s/samples", scratch);
    return mkdir(samples, 0700);
}

static int remove_scratch(void **state)
{
    (void)state;
    documents_remove_directory(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paints_the_same_pixels_as_mutool, make_scratch, remove_scratch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
