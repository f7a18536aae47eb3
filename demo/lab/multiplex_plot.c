/* multiplex_plot.c - cost over the number of descriptors, a line for each call: what grows with N rises, what does not
 * stays level. */
#include <math.h>

#include "demo/lab/multiplex.h"
#include "demo/lab/svg.h"

enum { WIDTH_PT = 760, HEIGHT_PT = 460, LEFT_PT = 70, RIGHT_PT = 90, TOP_PT = 60, BOTTOM_PT = 50 };

/* One axis, logarithmic; the ends are powers of ten. */
struct axis {
    double least, most;
    double from_pt, to_pt;
};

static double axis_place(const struct axis *axis, double value)
{
    return axis->from_pt + (axis->to_pt - axis->from_pt) * log10(value / axis->least) / log10(axis->most / axis->least);
}

static int axis_decades(const struct axis *axis)
{
    return (int)lround(log10(axis->most / axis->least));
}

static void axis_widen(struct axis *axis, double value)
{
    axis->least = fmin(axis->least, pow(10, floor(log10(value))));
    axis->most = fmax(axis->most, pow(10, ceil(log10(value))));
}

static void find_axes(const struct multiplex_row *rows, size_t count, struct axis *across, struct axis *up)
{
    *across = (struct axis){INFINITY, 0, LEFT_PT, WIDTH_PT - RIGHT_PT};
    *up = (struct axis){INFINITY, 0, HEIGHT_PT - BOTTOM_PT, TOP_PT};
    for (size_t i = 0; i < count; i++)
        for (int call = 0; call < MULTIPLEX_CALLS; call++)
            if (rows[i].cells[call].error == 0) {
                axis_widen(across, rows[i].descriptors);
                axis_widen(up, rows[i].cells[call].median_us);
            }
    if (!(across->most > across->least))
        across->most = (across->least = fmin(across->least, 1)) * 10;
    if (!(up->most > up->least))
        up->most = (up->least = fmin(up->least, 1)) * 10;
}

static void line(cairo_t *cairo, double x0_pt, double y0_pt, double x1_pt, double y1_pt)
{
    cairo_move_to(cairo, x0_pt, y0_pt);
    cairo_line_to(cairo, x1_pt, y1_pt);
    cairo_stroke(cairo);
}

static void draw_grid(cairo_t *cairo, const struct axis *across, const struct axis *up)
{
    char label[32];

    cairo_set_line_width(cairo, 0.6);
    for (int decade = 0; decade <= axis_decades(across); decade++) {
        double tick = across->least * pow(10, decade);
        double x = axis_place(across, tick);
        cairo_set_source_rgb(cairo, 0.85, 0.85, 0.85);
        line(cairo, x, up->from_pt, x, up->to_pt);
        cairo_set_source_rgb(cairo, 0.4, 0.4, 0.4);
        snprintf(label, sizeof(label), "%.0f", tick);
        svg_text(cairo, x - 6, up->from_pt + 14, 9, label);
    }
    for (int decade = 0; decade <= axis_decades(up); decade++) {
        double tick = up->least * pow(10, decade);
        double y = axis_place(up, tick);
        cairo_set_source_rgb(cairo, 0.85, 0.85, 0.85);
        line(cairo, across->from_pt, y, across->to_pt, y);
        cairo_set_source_rgb(cairo, 0.4, 0.4, 0.4);
        snprintf(label, sizeof(label), "%g us", tick);
        svg_text(cairo, 12, y + 3, 9, label);
    }
}

/* The line, a dot for each figure, and its name where it ends. */
static void draw_call(cairo_t *cairo, const struct multiplex_row *rows, size_t count, int call,
                      const struct axis *across, const struct axis *up)
{
    static const double colours[MULTIPLEX_CALLS][3] = {{0.85, 0.52, 0.16}, {0.70, 0.20, 0.25}, {0.13, 0.36, 0.60}};
    double x = 0, y = 0;

    cairo_set_source_rgb(cairo, colours[call][0], colours[call][1], colours[call][2]);
    cairo_set_line_width(cairo, 2);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].cells[call].error != 0)
            continue;
        double next_x = axis_place(across, rows[i].descriptors);
        double next_y = axis_place(up, rows[i].cells[call].median_us);
        if (x > 0)
            line(cairo, x, y, next_x, next_y);
        x = next_x;
        y = next_y;
        cairo_arc(cairo, x, y, 3, 0, 2 * M_PI);
        cairo_fill(cairo);
    }
    if (x > 0)
        svg_text(cairo, x + 8, y + 4, 11, multiplex_call_name((enum multiplex_call)call));
}

struct table {
    const struct multiplex_row *rows;
    size_t count;
};

static void draw(cairo_t *cairo, const void *userdata)
{
    const struct table *table = userdata;
    struct axis across, up;

    cairo_set_source_rgb(cairo, 0.1, 0.1, 0.1);
    svg_text(cairo, 12, 22, 13, "One of N descriptors is ready: time to learn which");
    svg_text(cairo, 12, 38, 9, "median; both scales logarithmic; select ends at FD_SETSIZE");
    find_axes(table->rows, table->count, &across, &up);
    draw_grid(cairo, &across, &up);
    cairo_set_source_rgb(cairo, 0.4, 0.4, 0.4);
    svg_text(cairo, (LEFT_PT + WIDTH_PT - RIGHT_PT) / 2.0 - 40, HEIGHT_PT - 14, 10, "descriptors watched");
    for (int call = 0; call < MULTIPLEX_CALLS; call++)
        draw_call(cairo, table->rows, table->count, call, &across, &up);
}

int multiplex_plot(const char *path, const struct multiplex_row *rows, size_t count)
{
    const struct table table = {rows, count};

    return svg_write(path, WIDTH_PT, HEIGHT_PT, draw, &table);
}
