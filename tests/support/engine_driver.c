#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <mupdf/fitz.h>

#include "common/fd.h"
#include "common/limits.h"
#include "renderer/engine/engine_mupdf.h"
#include "tests/support/engine_driver.h"

static int driver_open_file(void *session, const char *path, int *ret_fd, uint64_t *ret_size_bytes)
{
    struct engine_driver *driver = session;
    if (driver->asked_count < ENGINE_DRIVER_ASKED)
        snprintf(driver->asked[driver->asked_count], ENGINE_DRIVER_PATH_BYTES, "%s", path);
    driver->asked_count++;
    if (driver->directory_fd < 0 || path[0] == '/' || strstr(path, ".."))
        return -EACCES;
    _fd_cleanup_ int fd = openat(driver->directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (!S_ISREG(status.st_mode))
        return -EACCES;
    driver->granted_count++;
    *ret_size_bytes = (uint64_t)status.st_size;
    *ret_fd = fd_steal(&fd);
    return 0;
}

static bool driver_cancelled(void *session)
{
    return ((struct engine_driver *)session)->cancelled;
}

static void driver_progress(void *session, uint32_t done, uint32_t total)
{
    (void)done, (void)total;
    ((struct engine_driver *)session)->progress_count++;
}

static void driver_step(void *session, const char *name)
{
    struct engine_driver *driver = session;
    driver->step = name;
    driver->interpreted_count += strcmp(name, "interpret") == 0;
    if (driver->cancel_at_step && strcmp(name, driver->cancel_at_step) == 0)
        engine_mupdf.cancel(driver->document);
}

static void driver_warn(void *session, Bulkhead__Warning__Kind kind, const char *text)
{
    struct engine_driver *driver = session;
    if (driver->warning_count < ENGINE_DRIVER_WARNINGS) {
        driver->warnings[driver->warning_count].kind = kind;
        snprintf(driver->warnings[driver->warning_count].text, ENGINE_DETAIL_BYTES, "%s", text);
    }
    driver->warning_count++;
}

static void __attribute__((noreturn)) driver_out_of_memory(void *session, uint64_t requested_bytes)
{
    (void)session;
    fprintf(stderr, "out of memory for %llu bytes\n", (unsigned long long)requested_bytes);
    abort();
}

void engine_driver_prepare(struct engine_driver *driver, const char *path)
{
    *driver = (struct engine_driver){
        .host = {driver, driver_open_file, driver_cancelled, driver_progress, driver_step, driver_warn,
                 driver_out_of_memory},
        .directory_fd = -1,
        .document_fd = open(path, O_RDONLY | O_CLOEXEC),
    };
    struct stat status;
    assert_true(driver->document_fd >= 0 && fstat(driver->document_fd, &status) == 0);
    driver->size_bytes = (uint64_t)status.st_size;
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s", path);
    driver->directory_fd = open(dirname(directory), O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int engine_driver_load(struct engine_driver *driver, const char *password, struct engine_error *ret_error)
{
    *ret_error = (struct engine_error){0};
    struct engine_source source = {
        .url = "",
        .document_fd = driver->document_fd,
        .size_bytes = driver->size_bytes,
        .password = password,
        .host = &driver->host,
    };
    struct engine_document *document = NULL;
    int r = engine_mupdf.open(&source, &document, ret_error);
    driver->document = r == 0 ? document : NULL;
    return r;
}

int engine_driver_open(struct engine_driver *driver, const char *path, const char *password,
                       struct engine_error *ret_error)
{
    engine_driver_prepare(driver, path);
    return engine_driver_load(driver, password, ret_error);
}

void engine_driver_close(struct engine_driver *driver)
{
    engine_mupdf.close(driver->document);
    driver->document = NULL;
    fd_close(&driver->document_fd);
    fd_close(&driver->directory_fd);
}

void engine_driver_size(const struct engine_bounds *bounds, float scale_x, float scale_y, float rotate_deg,
                        uint32_t *ret_width_px, uint32_t *ret_height_px)
{
    fz_rect rect = {bounds->x0_pt, bounds->y0_pt, bounds->x1_pt, bounds->y1_pt};
    fz_matrix ctm = fz_concat(fz_rotate(rotate_deg), fz_scale(scale_x, scale_y));
    fz_irect rounded = fz_round_rect(fz_transform_rect(rect, ctm));
    *ret_width_px = (uint32_t)(rounded.x1 - rounded.x0);
    *ret_height_px = (uint32_t)(rounded.y1 - rounded.y0);
}

int engine_driver_paint(struct engine_driver *driver, uint32_t page, float scale_x, float scale_y, float rotate_deg,
                        struct engine_driver_picture *ret_picture, struct engine_error *ret_error)
{
    struct engine_bounds bounds;
    if (engine_mupdf.measure(driver->document, page, &bounds, ret_error) < 0)
        return -1;
    struct engine_driver_picture picture = {0};
    engine_driver_size(&bounds, scale_x, scale_y, rotate_deg, &picture.width_px, &picture.height_px);
    picture.stride_bytes = (picture.width_px * 3 + 3) & ~3u;
    size_t size_bytes = (size_t)picture.stride_bytes * picture.height_px;
    *ret_error = (struct engine_error){.code = BULKHEAD__ERROR__CODE__TOO_LARGE};
    if (size_bytes == 0 || (uint64_t)picture.width_px * picture.height_px > FRAME_AREA_PX)
        return -1;
    picture.pixels = malloc(size_bytes);
    if (!picture.pixels)
        return -1;
    memset(picture.pixels, 0x5a, size_bytes);
    struct engine_paint paint = {.pixels = picture.pixels,
                                 .width_px = picture.width_px,
                                 .height_px = picture.height_px,
                                 .stride_bytes = picture.stride_bytes,
                                 .page = page,
                                 .scale_x = scale_x,
                                 .scale_y = scale_y,
                                 .rotate_deg = rotate_deg};
    struct engine_damage damage;
    if (engine_mupdf.paint(driver->document, &paint, &damage, ret_error) < 0) {
        free(picture.pixels);
        return -1;
    }
    *ret_picture = picture;
    return 0;
}
