#include "demo/lab/svg.h"

#include <cairo/cairo-svg.h>

#include "broker/output/output.h"

static cairo_status_t write_out(void *closure, const unsigned char *data, unsigned length)
{
    return output_write(closure, data, length) == 0 ? CAIRO_STATUS_SUCCESS : CAIRO_STATUS_WRITE_ERROR;
}

void svg_text(cairo_t *cairo, double x_pt, double y_pt, double size_pt, const char *what)
{
    cairo_set_font_size(cairo, size_pt);
    cairo_move_to(cairo, x_pt, y_pt);
    cairo_show_text(cairo, what);
}

int svg_write(const char *path, double width_pt, double height_pt, svg_draw_fn draw, const void *userdata)
{
    struct output *output;
    int rc = output_open(path, NULL, -1, &output);

    if (rc < 0)
        return rc;
    cairo_surface_t *surface = cairo_svg_surface_create_for_stream(write_out, output, width_pt, height_pt);
    cairo_t *cairo = cairo_create(surface);
    cairo_set_source_rgb(cairo, 1, 1, 1);
    cairo_paint(cairo);
    cairo_select_font_face(cairo, "sans-serif", CAIRO_FONT_SLANT_NORMAL, CAIRO_FONT_WEIGHT_NORMAL);
    draw(cairo, userdata);
    cairo_destroy(cairo);
    cairo_surface_destroy(surface);
    return output_commit(output);
}
