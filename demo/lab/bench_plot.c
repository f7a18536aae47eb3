/* bench_plot.c - two bar charts: messages a second one way, and half of all round trips in microseconds. Both scales
 * are logarithmic, for the mechanisms lie three powers of ten apart. */
#include <math.h>
#include <string.h>

#include "demo/lab/bench.h"
#include "demo/lab/svg.h"

#ifdef BULKHEAD_SANITIZED
/* The sanitizer asks the program: fontconfig, behind cairo, keeps its patterns for ever. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
    return "leak:libfontconfig";
}
#endif

enum {
    CHART_WIDTH_PT = 760,
    LABEL_WIDTH_PT = 170,
    VALUE_WIDTH_PT = 90,
    BAR_PT = 9,
    ROW_PT = 26,
    HEAD_PT = 56,
    GAP_PT = 40,
};

/* What one chart shows of a row; 0 = nothing to show. */
struct chart {
    const char *title, *unit;
    double (*value)(const struct lab_row *row, enum lab_placement placement);
    double least, most; // ends of the scale, powers of ten
};

static double messages_a_second(const struct lab_row *row, enum lab_placement placement)
{
    const struct lab_figure *figure = &row->one_way[placement];

    return figure->error == 0 && figure->median.total_ms > 0 ? 1e9 / lab_bench_per_million(figure) : 0;
}

static double round_trip_us(const struct lab_row *row, enum lab_placement placement)
{
    const struct lab_figure *figure = &row->round_trip[placement];

    return figure->error == 0 ? figure->median.p50_us : 0;
}

static const double colours[LAB_PLACEMENTS][3] = {{0.13, 0.36, 0.60}, {0.85, 0.52, 0.16}};
static const char *const placement_names[LAB_PLACEMENTS] = {"on two cores", "both on one core"};

static void find_scale(struct chart *chart, const struct lab_row *rows, size_t count)
{
    double least = INFINITY, most = 0;

    for (size_t i = 0; i < count; i++)
        for (int placement = 0; placement < LAB_PLACEMENTS; placement++) {
            double value = chart->value(&rows[i], (enum lab_placement)placement);
            if (value > 0) {
                least = fmin(least, value);
                most = fmax(most, value);
            }
        }
    chart->least = most > 0 ? pow(10, floor(log10(least) - 0.01)) : 1;
    chart->most = most > 0 ? pow(10, ceil(log10(most))) : 10;
}

static double bar_length(const struct chart *chart, double value)
{
    double room = CHART_WIDTH_PT - LABEL_WIDTH_PT - VALUE_WIDTH_PT;

    return room * log10(value / chart->least) / log10(chart->most / chart->least);
}

static void draw_grid(cairo_t *cairo, const struct chart *chart, double top_pt, double bottom_pt)
{
    int decades = (int)lround(log10(chart->most / chart->least));

    for (int decade = 0; decade <= decades; decade++) {
        double tick = chart->least * pow(10, decade);
        double x = LABEL_WIDTH_PT + bar_length(chart, tick);
        char label[32];

        cairo_set_source_rgb(cairo, 0.85, 0.85, 0.85);
        cairo_set_line_width(cairo, 0.6);
        cairo_move_to(cairo, x, top_pt);
        cairo_line_to(cairo, x, bottom_pt);
        cairo_stroke(cairo);
        cairo_set_source_rgb(cairo, 0.4, 0.4, 0.4);
        snprintf(label, sizeof(label),
                 tick >= 1e6   ? "%.0fM"
                 : tick >= 1e3 ? "%.0fk"
                               : "%g",
                 tick >= 1e6   ? tick / 1e6
                 : tick >= 1e3 ? tick / 1e3
                               : tick);
        svg_text(cairo, x - 4, top_pt - 3, 8, label);
    }
}

static void draw_bar(cairo_t *cairo, const struct chart *chart, double value, int placement, double y_pt)
{
    char label[32];
    double length = bar_length(chart, value);

    cairo_set_source_rgb(cairo, colours[placement][0], colours[placement][1], colours[placement][2]);
    cairo_rectangle(cairo, LABEL_WIDTH_PT, y_pt, length, BAR_PT);
    cairo_fill(cairo);
    cairo_set_source_rgb(cairo, 0.2, 0.2, 0.2);
    snprintf(label, sizeof(label),
             value >= 1e6   ? "%.2f M"
             : value >= 1e3 ? "%.0f k"
             : value >= 10  ? "%.0f"
                            : "%.2f",
             value >= 1e6   ? value / 1e6
             : value >= 1e3 ? value / 1e3
                            : value);
    svg_text(cairo, LABEL_WIDTH_PT + length + 4, y_pt + BAR_PT - 1, 8, label);
}

static void draw_legend(cairo_t *cairo, double y_pt)
{
    for (int placement = 0; placement < LAB_PLACEMENTS; placement++) {
        double x = CHART_WIDTH_PT - 230 + placement * 110;

        cairo_set_source_rgb(cairo, colours[placement][0], colours[placement][1], colours[placement][2]);
        cairo_rectangle(cairo, x, y_pt - 8, 9, 9);
        cairo_fill(cairo);
        cairo_set_source_rgb(cairo, 0.2, 0.2, 0.2);
        svg_text(cairo, x + 13, y_pt, 9, placement_names[placement]);
    }
}

/* Returns where the next chart begins. */
static double draw_chart(cairo_t *cairo, struct chart *chart, const struct lab_row *rows, size_t count, double top_pt)
{
    double y = top_pt + HEAD_PT;

    find_scale(chart, rows, count);
    cairo_set_source_rgb(cairo, 0.1, 0.1, 0.1);
    svg_text(cairo, 12, top_pt + 22, 13, chart->title);
    svg_text(cairo, 12, top_pt + 36, 9, chart->unit);
    draw_legend(cairo, top_pt + 22);
    draw_grid(cairo, chart, y - 6, y + (double)count * ROW_PT);
    for (size_t i = 0; i < count; i++, y += ROW_PT) {
        cairo_set_source_rgb(cairo, 0.1, 0.1, 0.1);
        svg_text(cairo, 12, y + BAR_PT + 3, 10, rows[i].entry->name);
        for (int placement = 0; placement < LAB_PLACEMENTS; placement++) {
            double value = chart->value(&rows[i], (enum lab_placement)placement);
            if (value > 0)
                draw_bar(cairo, chart, value, placement, y + placement * (BAR_PT + 1));
        }
    }
    return y + GAP_PT;
}

struct table {
    const struct lab_row *rows;
    size_t count;
};

static void draw(cairo_t *cairo, const void *userdata)
{
    const struct table *table = userdata;
    struct chart charts[] = {
        {"Messages of 1 KB a second, one way", "more is better; logarithmic", messages_a_second, 0, 0},
        {"Round trip of 64 bytes, p50", "microseconds, less is better; logarithmic", round_trip_us, 0, 0},
    };
    double top = 0;

    for (size_t i = 0; i < sizeof(charts) / sizeof(charts[0]); i++)
        top = draw_chart(cairo, &charts[i], table->rows, table->count, top);
}

int lab_bench_plot(const char *path, const struct lab_row *rows, size_t count)
{
    const struct table table = {rows, count};

    return svg_write(path, CHART_WIDTH_PT, 2 * (HEAD_PT + (double)count * ROW_PT + GAP_PT), draw, &table);
}
