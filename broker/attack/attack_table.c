#include "broker/attack/attack_table.h"

#include <string.h>

#include "common/text.h"

enum { COLUMNS_ANYWHERE = 100, COLUMNS_LEAST = 60, NAME = 24, LAYER = 14, PAINTED = 8, OBSERVED_LEAST = 18 };

void attack_table_init(struct attack_table *table, FILE *out, size_t columns)
{
    columns = columns == 0 ? COLUMNS_ANYWHERE : columns;
    *table = (struct attack_table){.out = out, .columns = columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns};
}

/* Exactly so many columns; what is longer ends in "…". */
static void print_cell(FILE *out, const char *text, size_t columns)
{
    size_t used = 0;
    if (text_columns(text) > columns) {
        for (size_t left = strlen(text); left > 0;) {
            uint32_t code_point;
            size_t length = text_decode(text, left, &code_point);
            char one[8] = "";
            memcpy(one, text, length == 0 ? 1 : length);
            if (length == 0 || used + text_columns(one) + 1 > columns)
                break;
            used += text_columns(one);
            fwrite(text, 1, length, out);
            text += length;
            left -= length;
        }
        fputs("…", out);
        used++;
    } else {
        fputs(text, out);
        used = text_columns(text);
    }
    fprintf(out, "%*s", (int)(columns - used), "");
}

/* Mark, name and outcome stay; the detail takes what is left, and what it tries takes half of that on a wide screen. */
static size_t observed_columns(const struct attack_table *table)
{
    size_t fixed = 2 + NAME + 2 + LAYER + 1 + PAINTED;
    size_t left = table->columns > fixed + OBSERVED_LEAST ? table->columns - fixed : OBSERVED_LEAST;
    return left > 34 ? 34 + (left - 34) / 4 : left;
}

static size_t tries_columns(const struct attack_table *table)
{
    size_t used = 2 + NAME + 2 + observed_columns(table) + 1 + LAYER + 1 + PAINTED + 1;
    return table->columns > used + 10 ? table->columns - used : 0;
}

static void print_heading(struct attack_table *table, const struct attack_row *row)
{
    if (table->last == NULL) {
        fprintf(table->out, "  %-*s  ", NAME - 1, "attempt");
        print_cell(table->out, "came out as", observed_columns(table) + 2);
        fprintf(table->out, "%-*s %*s", LAYER, "stopped by", PAINTED - 1, "painted");
        if (tries_columns(table) > 0)
            fputs("  what it tries", table->out);
        fputc('\n', table->out);
    }
    if (table->last == NULL || table->last->family != row->family)
        fprintf(table->out, "%s\n", attack_family_name(row->family));
    table->last = row;
}

void attack_table_count(struct attack_table *table, const struct attack_result *result)
{
    table->skipped += result->skipped != NULL;
    table->tried += result->skipped == NULL;
    table->held += result->skipped == NULL && result->holds;
    table->neighbour_frames += result->neighbour_frames;
    table->lost_frames += result->lost_frames;
}

static void print_why_not(FILE *out, const struct attack_result *result)
{
    fprintf(out, "    expected: %s (%s)", attack_outcome_name(result->expected->outcome), result->expected->detail);
    fprintf(out, "; seen: %s%s%s\n", result->why_not, *result->summary ? ": " : "", result->summary);
}

void attack_table_add(struct attack_table *table, const struct attack_result *result)
{
    FILE *out = table->out;
    const struct attack_row *row = result->row;
    print_heading(table, row);
    attack_table_count(table, result);
    if (result->skipped != NULL) {
        fprintf(out, "- %-*s   not in a sanitizer build: %s\n", NAME - 1, row->name, result->skipped);
        return;
    }
    fprintf(out, "%s ", result->holds ? "✓" : "✗");
    print_cell(out, row->name, NAME - 1);
    fprintf(out, " %c ", attack_outcome_letter(result->outcome));
    print_cell(out, result->detail, observed_columns(table));
    fputc(' ', out);
    print_cell(out, result->layer, LAYER);
    if (result->neighbours_paint)
        fprintf(out, " %*llu", PAINTED - 1, (unsigned long long)result->neighbour_frames);
    else
        fprintf(out, " %*s", PAINTED - 1, "stopped");
    if (tries_columns(table) > 0) {
        fputs("  ", out);
        print_cell(out, row->tries, tries_columns(table) - 1);
    }
    fputc('\n', out);
    if (!result->holds)
        print_why_not(out, result);
}

void attack_table_sum(const struct attack_table *table, FILE *out, double elapsed_s)
{
    fprintf(out, "\n%zu attempts, %zu held, %zu did not", table->tried, table->held, table->tried - table->held);
    if (table->skipped > 0)
        fprintf(out, ", %zu left out", table->skipped);
    fprintf(out, "; %.1f s\n", elapsed_s);
    fprintf(out, "each neighbour painted %llu frames meanwhile, %llu were lost\n",
            (unsigned long long)table->neighbour_frames, (unsigned long long)table->lost_frames);
}

void attack_table_list(struct attack_table *table, const struct attack_row *row)
{
    FILE *out = table->out;
    if (table->last == NULL || table->last->family != row->family)
        fprintf(out, "%s%s\n", table->last ? "\n" : "", attack_family_name(row->family));
    table->last = row;
    fprintf(out, "  %-*s %c ", NAME, row->name, attack_outcome_letter(row->expected.outcome));
    size_t detail = table->columns < 90 ? 14 : 20, used = 2 + NAME + 3 + detail + 1 + LAYER + 1;
    print_cell(out, row->expected.detail, detail);
    fprintf(out, " %-*s ", LAYER, row->expected.layer);
    print_cell(out, row->tries, table->columns > used + 10 ? table->columns - used - 1 : 10);
    fputc('\n', out);
}

static json_t *row_json(const struct attack_row *row, const struct attack_expectation *expected)
{
    return json_pack("{s:s, s:s, s:s, s:{s:s, s:s}, s:s}", "name", row->name, "family", attack_family_name(row->family),
                     "tries", row->tries, "expected", "outcome", attack_outcome_name(expected->outcome), "detail",
                     expected->detail, "layer", expected->layer);
}

json_t *attack_table_row_json(const struct attack_row *row)
{
    return row_json(row, &row->expected);
}

json_t *attack_table_result_json(const struct attack_result *result)
{
    json_t *object = row_json(result->row, result->expected);
    if (object == NULL)
        return NULL;
    if (result->skipped != NULL) {
        json_object_set_new(object, "skipped", json_string(result->skipped));
        return object;
    }
    json_object_set_new(object, "observed",
                        json_pack("{s:s, s:s, s:s}", "outcome", attack_outcome_name(result->outcome), "detail",
                                  result->detail, "end", result->summary));
    json_object_set_new(object, "stopped_by", json_string(result->layer));
    json_object_set_new(object, "neighbours",
                        json_pack("{s:b, s:I, s:I}", "paint", (int)result->neighbours_paint, "frames",
                                  (json_int_t)result->neighbour_frames, "lost", (json_int_t)result->lost_frames));
    json_object_set_new(object, "elapsed_ms", json_real(result->elapsed_ms));
    json_object_set_new(object, "holds", json_boolean(result->holds));
    json_object_set_new(object, "why_not", result->holds ? json_null() : json_string(result->why_not));
    return object;
}
