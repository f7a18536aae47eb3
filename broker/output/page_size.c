#include "broker/output/page_size.h"

#include <float.h>
#include <math.h>

#include "common/limits.h"

/* x' = a x + c y, y' = b x + d y. */
struct matrix {
    float a, b, c, d;
};

static struct matrix matrix_rotate_scale(float degrees, float scale)
{
    while (degrees < 0)
        degrees += 360;
    while (degrees >= 360)
        degrees -= 360;
    float sine, cosine;
    if (degrees == 0.0f || degrees == 180.0f) {
        sine = 0;
        cosine = degrees == 0.0f ? 1 : -1;
    } else if (degrees == 90.0f || degrees == 270.0f) {
        sine = degrees == 90.0f ? 1 : -1;
        cosine = 0;
    } else {
        sine = sinf(degrees * 3.14159265f / 180);
        cosine = cosf(degrees * 3.14159265f / 180);
    }
    return (struct matrix){cosine * scale, sine * scale, -sine * scale, cosine * scale};
}

static struct page_size_bounds transform(const struct page_size_bounds *bounds, const struct matrix *m)
{
    const float xs[2] = {bounds->x0_pt, bounds->x1_pt}, ys[2] = {bounds->y0_pt, bounds->y1_pt};
    struct page_size_bounds box = {INFINITY, INFINITY, -INFINITY, -INFINITY};
    for (int i = 0; i < 4; i++) {
        float x = xs[i & 1] * m->a + ys[i >> 1] * m->c;
        float y = xs[i & 1] * m->b + ys[i >> 1] * m->d;
        box.x0_pt = fminf(box.x0_pt, x);
        box.y0_pt = fminf(box.y0_pt, y);
        box.x1_pt = fmaxf(box.x1_pt, x);
        box.y1_pt = fmaxf(box.y1_pt, y);
    }
    return box;
}

/* A pixel that is covered by less than a thousandth is not counted. */
static double rounded_extent(float low, float high)
{
    return (double)ceilf(high - 0.001f) - (double)floorf(low + 0.001f);
}

/* How much the picture must be scaled to fit into what was asked for. */
static float fit(const struct page_size_request *request, const struct page_size_bounds *box)
{
    uint32_t width = request->width_px, height = request->height_px;
    if (request->dpi > 0) {
        if (rounded_extent(box->x0_pt, box->x1_pt) <= (double)width)
            width = 0;
        if (rounded_extent(box->y0_pt, box->y1_pt) <= (double)height)
            height = 0;
    }
    float scale_x = (float)width / (box->x1_pt - box->x0_pt);
    float scale_y = (float)height / (box->y1_pt - box->y0_pt);
    if (width == 0 && height == 0)
        return 1;
    if (width == 0)
        return scale_y;
    if (height == 0)
        return scale_x;
    return scale_x > scale_y ? scale_y : scale_x;
}

static uint32_t clamp_extent(double extent)
{
    return extent > UINT32_MAX ? UINT32_MAX : (uint32_t)extent;
}

enum page_size_result page_size_compute(const struct page_size_request *request, const struct page_size_bounds *bounds,
                                        struct page_size *ret_size)
{
    float dpi = request->dpi;
    if (!(dpi > 0))
        dpi = request->width_px || request->height_px ? 72.0f : PAGE_SIZE_DEFAULT_DPI;
    float scale = dpi / 72;
    struct matrix matrix = matrix_rotate_scale(request->rotate_deg, scale);
    struct page_size_bounds box = transform(bounds, &matrix);
    if (!(box.x1_pt > box.x0_pt) || !(box.y1_pt > box.y0_pt) || !isfinite(box.x1_pt - box.x0_pt) ||
        !isfinite(box.y1_pt - box.y0_pt))
        return PAGE_SIZE_EMPTY;
    float factor = fit(request, &box);
    if (factor != 1) {
        scale *= factor;
        matrix.a *= factor;
        matrix.b *= factor;
        matrix.c *= factor;
        matrix.d *= factor;
        box = transform(bounds, &matrix);
    }
    double width = rounded_extent(box.x0_pt, box.x1_pt), height = rounded_extent(box.y0_pt, box.y1_pt);
    if (!(width >= 1) || !(height >= 1))
        return PAGE_SIZE_EMPTY;
    *ret_size = (struct page_size){clamp_extent(width), clamp_extent(height), scale};
    if (width > FRAME_EDGE_PX || height > FRAME_EDGE_PX || width * height > FRAME_AREA_PX)
        return PAGE_SIZE_TOO_LARGE;
    return PAGE_SIZE_OK;
}

uint32_t page_size_largest_dpi(const struct page_size_bounds *bounds, float rotate_deg)
{
    uint32_t low = 0, high = 2400;
    while (low < high) {
        uint32_t middle = (low + high + 1) / 2;
        struct page_size size;
        struct page_size_request request = {.dpi = (float)middle, .rotate_deg = rotate_deg};
        /* An empty picture at a low resolution is no reason to go lower. */
        if (page_size_compute(&request, bounds, &size) == PAGE_SIZE_TOO_LARGE)
            high = middle - 1;
        else
            low = middle;
    }
    return low;
}
