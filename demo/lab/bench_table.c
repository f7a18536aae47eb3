/* bench_table.c - the rows as text and as JSON. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "demo/lab/bench.h"

enum { APART = LAB_APART, TOGETHER = LAB_TOGETHER, CELL_BYTES = 24 };

/* What the source material states beside the mechanisms: 1,000,000 messages of 1 KB, 1 GB. */
static const char *cell(char out[CELL_BYTES], const struct lab_figure *figure, double value)
{
    if (figure->error == -EOPNOTSUPP)
        snprintf(out, CELL_BYTES, "-");
    else if (figure->error == -ETIMEDOUT)
        snprintf(out, CELL_BYTES, "too slow");
    else if (figure->error != 0)
        snprintf(out, CELL_BYTES, "%s", strerrorname_np(-figure->error) ? strerrorname_np(-figure->error) : "failed");
    else
        snprintf(out, CELL_BYTES, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
    return out;
}

static const char *claim(char out[CELL_BYTES], double claimed_ms)
{
    if (claimed_ms > 0)
        snprintf(out, CELL_BYTES, "%g", claimed_ms);
    else
        out[0] = '\0';
    return out;
}

/* Scaled to what the claims speak of, so that shorter runs can be read beside them. */
static double per_million(const struct lab_bench_options *options, double ms)
{
    return ms * 1e6 / (double)options->messages;
}

static double per_gigabyte(const struct lab_bench_options *options, double ms)
{
    return ms * 1e9 / (double)options->transfer_bytes;
}

static void print_row(FILE *out, const struct lab_bench_options *options, const struct lab_row *row)
{
    char cells[10][CELL_BYTES];
    const struct lab_figure *way = row->one_way, *trip = row->round_trip, *gigabyte = row->transfer;

    fprintf(out, "%-22s %8s %8s %8s | %7s %7s %8s %7s | %8s %8s %8s\n", row->entry->name,
            cell(cells[0], &way[APART], per_million(options, way[APART].median.total_ms)),
            cell(cells[1], &way[TOGETHER], per_million(options, way[TOGETHER].median.total_ms)),
            claim(cells[2], row->entry->claimed_messages_ms), cell(cells[3], &trip[APART], trip[APART].median.p50_us),
            cell(cells[4], &trip[APART], trip[APART].median.p99_us),
            cell(cells[5], &trip[APART], trip[APART].median.p999_us),
            cell(cells[6], &trip[TOGETHER], trip[TOGETHER].median.p50_us),
            cell(cells[7], &gigabyte[APART], per_gigabyte(options, gigabyte[APART].median.total_ms)),
            cell(cells[8], &gigabyte[TOGETHER], per_gigabyte(options, gigabyte[TOGETHER].median.total_ms)),
            claim(cells[9], row->entry->claimed_transfer_ms));
}

void lab_bench_print(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count)
{
    const char *family = "";

    fprintf(out,
            "Medians of %u. X: a process on each of two cores; S: both on one. \"claim\": the source material's.\n\n",
            options->rounds);
    fprintf(out, "%-22s %26s | %32s | %26s\n", "", "1 KB x 1,000,000, ms", "round trip of 64 bytes, us", "1 GB, ms");
    fprintf(out, "%-22s %8s %8s %8s | %7s %7s %8s %7s | %8s %8s %8s\n", "", "X", "S", "claim", "X p50", "p99", "p99.9",
            "S p50", "X", "S", "claim");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(family, rows[i].entry->family) != 0)
            fprintf(out, "%s\n", rows[i].entry->family);
        family = rows[i].entry->family;
        print_row(out, options, &rows[i]);
    }
}

static json_t *figure_json(const struct lab_figure *figure, bool has_percentiles)
{
    if (figure->error != 0)
        return json_pack("{s:s}", "error",
                         strerrorname_np(-figure->error) ? strerrorname_np(-figure->error) : "unknown");
    json_t *object = json_pack("{s:f}", "total_ms", figure->median.total_ms);
    if (has_percentiles)
        json_object_update_new(object, json_pack("{s:f, s:f, s:f}", "p50_us", figure->median.p50_us, "p99_us",
                                                 figure->median.p99_us, "p999_us", figure->median.p999_us));
    return object;
}

static json_t *placements_json(const struct lab_figure figures[LAB_PLACEMENTS], bool has_percentiles)
{
    return json_pack("{s:o, s:o}", "two_cores", figure_json(&figures[APART], has_percentiles), "one_core",
                     figure_json(&figures[TOGETHER], has_percentiles));
}

static json_t *claim_json(double claimed_ms)
{
    return claimed_ms > 0 ? json_real(claimed_ms) : json_null();
}

void lab_bench_print_json(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "name", rows[i].entry->name, "family",
                                        rows[i].entry->family, "one_way", placements_json(rows[i].one_way, false),
                                        "round_trip", placements_json(rows[i].round_trip, true), "transfer",
                                        placements_json(rows[i].transfer, false), "claimed_one_way_ms",
                                        claim_json(rows[i].entry->claimed_messages_ms), "claimed_transfer_ms",
                                        claim_json(rows[i].entry->claimed_transfer_ms)));
    json_t *document = json_pack("{s:i, s:I, s:I, s:I, s:o}", "rounds", (int)options->rounds, "messages",
                                 (json_int_t)options->messages, "round_trips", (json_int_t)options->round_trips,
                                 "transfer_bytes", (json_int_t)options->transfer_bytes, "rows", list);
    json_dumpf(document, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(document);
}
