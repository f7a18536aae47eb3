/* bench_table.c - the rows for people: a table for each workload that fits into 80 columns, then the claims. */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "broker/command/cli.h"
#include "common/text.h"
#include "demo/lab/bench.h"

enum { APART = LAB_APART, TOGETHER = LAB_TOGETHER, CELL_BYTES = 40, OTHERS_SAID_PERCENT = 5 };

static const char *cell(char out[CELL_BYTES], const struct lab_figure *figure, double value)
{
    if (figure->error == -EOPNOTSUPP || figure->error == -ENOPKG)
        snprintf(out, CELL_BYTES, "-");
    else if (figure->error == -ETIMEDOUT)
        snprintf(out, CELL_BYTES, "too slow");
    else if (figure->error != 0)
        snprintf(out, CELL_BYTES, "%s", strerrorname_np(-figure->error) ? strerrorname_np(-figure->error) : "failed");
    else
        snprintf(out, CELL_BYTES, value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value);
    return out;
}

static int print_count(char *out, size_t out_bytes, double count)
{
    return count >= 1e9   ? snprintf(out, out_bytes, "%.3gG", count / 1e9)
           : count >= 1e6 ? snprintf(out, out_bytes, "%.3gM", count / 1e6)
           : count >= 1e3 ? snprintf(out, out_bytes, "%.3gk", count / 1e3)
                          : snprintf(out, out_bytes, "%.0f", count);
}

/* "580k, 240k": how many were measured in each placement, or once if that was the same. */
static const char *counts(char out[CELL_BYTES], const struct lab_figure figures[LAB_PLACEMENTS], bool in_bytes)
{
    char texts[LAB_PLACEMENTS][16];

    for (int i = 0; i < LAB_PLACEMENTS; i++) {
        const struct lab_result *median = &figures[i].median;
        double count = (double)median->messages * (in_bytes ? (double)median->message_bytes : 1);
        if (figures[i].error == 0)
            print_count(texts[i], sizeof(texts[i]), count);
        else
            snprintf(texts[i], sizeof(texts[i]), "-");
    }
    if (strcmp(texts[APART], texts[TOGETHER]) == 0)
        snprintf(out, CELL_BYTES, "%s", texts[APART]);
    else
        snprintf(out, CELL_BYTES, "%s, %s", texts[APART], texts[TOGETHER]);
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

/* "yes" or "no", of the verdict in this unit of this claim. */
static const char *holds(const struct lab_row *row, double claimed)
{
    struct lab_verdict verdicts[LAB_VERDICTS_MAX];
    size_t count = lab_bench_judge(row, verdicts);

    for (size_t i = 0; i < count && claimed > 0; i++)
        if (strcmp(verdicts[i].unit, "ms") == 0 && verdicts[i].claimed >= claimed && verdicts[i].claimed <= claimed)
            return !verdicts[i].is_measured ? "?" : verdicts[i].holds ? "yes" : "no";
    return "";
}

static void print_timed_row(FILE *out, const struct lab_row *row, const struct lab_figure figures[LAB_PLACEMENTS],
                            double (*scaled)(const struct lab_figure *figure), double claimed_ms, bool in_bytes)
{
    char cells[4][CELL_BYTES];

    fprintf(out, "  %-18s %10s %10s %8s %6s   %s\n", row->entry->name,
            cell(cells[0], &figures[APART], scaled(&figures[APART])),
            cell(cells[1], &figures[TOGETHER], scaled(&figures[TOGETHER])), claim(cells[2], claimed_ms),
            holds(row, claimed_ms), counts(cells[3], figures, in_bytes));
}

static void print_one_way(FILE *out, const struct lab_row *row)
{
    print_timed_row(out, row, row->one_way, lab_bench_per_million, row->entry->claimed_messages_ms, false);
}

static void print_transfer(FILE *out, const struct lab_row *row)
{
    print_timed_row(out, row, row->transfer, lab_bench_per_gigabyte, row->entry->claimed_transfer_ms, true);
}

static void print_round_trip(FILE *out, const struct lab_row *row)
{
    const struct lab_figure *apart = &row->round_trip[APART], *together = &row->round_trip[TOGETHER];
    char cells[7][CELL_BYTES];

    fprintf(out, "  %-18s %7s %7s %7s  %7s %7s %7s   %s\n", row->entry->name,
            cell(cells[0], apart, apart->median.p50_us), cell(cells[1], apart, apart->median.p99_us),
            cell(cells[2], apart, apart->median.p999_us), cell(cells[3], together, together->median.p50_us),
            cell(cells[4], together, together->median.p99_us), cell(cells[5], together, together->median.p999_us),
            counts(cells[6], row->round_trip, false));
}

static void print_table(FILE *out, const char *title, const char *head, const struct lab_row *rows, size_t count,
                        void (*print)(FILE *out, const struct lab_row *row))
{
    const char *family = "";

    fprintf(out, "%s\n%s\n", title, head);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(family, rows[i].entry->family) != 0)
            fprintf(out, "%s\n", rows[i].entry->family);
        family = rows[i].entry->family;
        if (rows[i].entry->missing != NULL)
            fprintf(out, "  %-18s not installed (%s)\n", rows[i].entry->name, rows[i].entry->missing);
        else
            print(out, &rows[i]);
    }
    fputc('\n', out);
}

static void print_verdict(FILE *out, const struct lab_entry *entry, const struct lab_verdict *verdict)
{
    size_t columns = cli_terminal_columns();

    if (!verdict->is_measured)
        return;
    fprintf(out, "%s %s, %s: %s %.*f %s\n", verdict->holds ? "✓" : "✗", entry->name, verdict->claim,
            verdict->holds ? "here" : "no, here", verdict->measured < 10 ? 2 : 0, verdict->measured, verdict->unit);
    if (verdict->holds)
        return;
    fprintf(out, "    ");
    text_print_wrapped(out, verdict->why, 4, columns > 0 ? columns : SIZE_MAX, 4);
}

static void print_claims(FILE *out, const struct lab_row *rows, size_t count)
{
    struct lab_verdict verdicts[LAB_VERDICTS_MAX];
    bool has_title = false;

    for (size_t i = 0; i < count; i++) {
        size_t claims = lab_bench_judge(&rows[i], verdicts);
        if (claims > 0 && !has_title)
            fprintf(out, "What the source material claims, and whether the better placement keeps it here\n");
        has_title = has_title || claims > 0;
        for (size_t j = 0; j < claims; j++)
            print_verdict(out, rows[i].entry, &verdicts[j]);
    }
}

void lab_bench_print(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count,
                     double others_percent)
{
    fprintf(out,
            "Medians of %u; a process on each of two cores, or both on one. Where time was\n"
            "short, fewer were measured (last column: how many), and the figure is scaled.\n\n",
            options->rounds);
    if (others_percent >= OTHERS_SAID_PERCENT)
        fprintf(out,
                "Other work had %.0f %% of the processors meanwhile: a quiet machine shows better\n"
                "figures than these.\n\n",
                others_percent);
    print_table(out, "1 KB one way: ms for 1,000,000",
                "                      two cores   one core  claimed  holds   measured", rows, count, print_one_way);
    print_table(out, "Round trip of 64 bytes: us",
                "                           two cores                one core\n"
                "                        p50     p99   p99.9      p50     p99   p99.9   measured",
                rows, count, print_round_trip);
    print_table(out, "1 GB: ms", "                      two cores   one core  claimed  holds   measured", rows, count,
                print_transfer);
    print_claims(out, rows, count);
}
