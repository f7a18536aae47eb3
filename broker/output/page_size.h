/* page_size.h - from a page's bounds in points to a picture's size in pixels, by the same arithmetic as `mutool draw`.
 *
 * Single precision throughout, operation for operation what MuPDF's mudraw computes (its -r, -w, -h and -R), so that
 * the pixels can be the same pixels: a size that differs by one rounding shifts every glyph. Pure: no I/O.
 */
#ifndef BULKHEAD_PAGE_SIZE_H
#define BULKHEAD_PAGE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

struct page_size_request {
    float dpi;                    /* 0 = not given */
    uint32_t width_px, height_px; /* 0 = not given; the picture fits into what is given, keeping its shape. With a dpi
                                   * as well they are only upper limits. */
    float rotate_deg;             /* clockwise */
};

struct page_size_bounds {
    float x0_pt, y0_pt, x1_pt, y1_pt;
};

struct page_size {
    uint32_t width_px, height_px;
    float scale; /* pixels per point, both ways */
};

enum page_size_result {
    PAGE_SIZE_OK,
    PAGE_SIZE_EMPTY,     /* the page has no area, or its bounds are no numbers */
    PAGE_SIZE_TOO_LARGE, /* over FRAME_EDGE_PX or FRAME_AREA_PX; *ret_size is filled for the message */
};

/* dpi when neither a dpi nor a width nor a height was asked for: what screens and browsers call 100 %. */
#define PAGE_SIZE_DEFAULT_DPI 96.0f

enum page_size_result page_size_compute(const struct page_size_request *request, const struct page_size_bounds *bounds,
                                        struct page_size *ret_size);

/* The largest whole dpi at which these bounds fit the limits; 0 if none does. For the way out in a message. */
uint32_t page_size_largest_dpi(const struct page_size_bounds *bounds, float rotate_deg);

#endif
