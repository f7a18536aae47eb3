/* multiplex_table.c - the rows as text and as JSON. */
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "demo/lab/multiplex.h"

static void print_cell(FILE *out, const struct multiplex_cell *cell)
{
    if (cell->error == 0)
        fprintf(out, " %11.2f", cell->median_us);
    else if (cell->error == -ERANGE)
        fprintf(out, " %11s", "FD_SETSIZE");
    else
        fprintf(out, " %11s", strerrorname_np(-cell->error) ? strerrorname_np(-cell->error) : "failed");
}

/* "from 10 to 10,000 descriptors: 311 times as dear", for each call, over the rows in which it was measured. */
static void print_growth(FILE *out, const struct multiplex_row *rows, size_t count)
{
    for (int call = 0; call < MULTIPLEX_CALLS; call++) {
        const struct multiplex_row *first = NULL, *last = NULL;

        for (size_t i = 0; i < count; i++)
            if (rows[i].cells[call].error == 0) {
                first = first == NULL ? &rows[i] : first;
                last = &rows[i];
            }
        if (first != NULL && last != first)
            fprintf(out, "%-7s from %u to %u descriptors: %.1f times the cost\n",
                    multiplex_call_name((enum multiplex_call)call), first->descriptors, last->descriptors,
                    last->cells[call].median_us / first->cells[call].median_us);
    }
}

static bool has_error(const struct multiplex_row *rows, size_t count, int error)
{
    for (size_t i = 0; i < count; i++)
        for (int call = 0; call < MULTIPLEX_CALLS; call++)
            if (rows[i].cells[call].error == error)
                return true;
    return false;
}

void multiplex_print(FILE *out, const struct multiplex_row *rows, size_t count)
{
    fprintf(out, "One of N descriptors is ready: us to learn which, median\n\n%11s", "N");
    for (int call = 0; call < MULTIPLEX_CALLS; call++)
        fprintf(out, " %11s", multiplex_call_name((enum multiplex_call)call));
    fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%11u", rows[i].descriptors);
        for (int call = 0; call < MULTIPLEX_CALLS; call++)
            print_cell(out, &rows[i].cells[call]);
        fputc('\n', out);
    }
    fputc('\n', out);
    print_growth(out, rows, count);
    if (has_error(rows, count, -ERANGE))
        fprintf(out, "FD_SETSIZE: select knows no descriptor beyond %d\n", FD_SETSIZE - 1);
    if (has_error(rows, count, -EMFILE))
        fprintf(out, "EMFILE: RLIMIT_NOFILE allows no more than %u here (ulimit -Hn; root may raise it)\n",
                multiplex_allowed());
}

static json_t *cell_json(const struct multiplex_cell *cell)
{
    if (cell->error == 0)
        return json_pack("{s:f, s:i}", "median_us", cell->median_us, "rounds", (int)cell->rounds);
    return json_pack("{s:s}", "error",
                     cell->error == -ERANGE                  ? "FD_SETSIZE"
                     : strerrorname_np(-cell->error) != NULL ? strerrorname_np(-cell->error)
                                                             : "unknown");
}

void multiplex_print_json(FILE *out, const struct multiplex_row *rows, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *row = json_pack("{s:i}", "descriptors", (int)rows[i].descriptors);
        for (int call = 0; call < MULTIPLEX_CALLS; call++)
            json_object_set_new(row, multiplex_call_name((enum multiplex_call)call), cell_json(&rows[i].cells[call]));
        json_array_append_new(list, row);
    }
    json_t *document =
        json_pack("{s:i, s:i, s:o}", "fd_setsize", FD_SETSIZE, "allowed", (int)multiplex_allowed(), "rows", list);
    json_dumpf(document, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(document);
}
