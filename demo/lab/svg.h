/* svg.h - a drawing in a file: white paper of a size in points, written whole or not at all. */
#ifndef BULKHEAD_LAB_SVG_H
#define BULKHEAD_LAB_SVG_H

#include <cairo/cairo.h>

/* Draws on white paper, with a sans-serif face selected. */
typedef void (*svg_draw_fn)(cairo_t *cairo, const void *userdata);

/* 0 or -errno: then there is no file. */
int svg_write(const char *path, double width_pt, double height_pt, svg_draw_fn draw, const void *userdata);
/* From there to the right, on that baseline. */
void svg_text(cairo_t *cairo, double x_pt, double y_pt, double size_pt, const char *what);

#endif
