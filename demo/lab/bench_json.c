/* bench_json.c - the rows for programs. */
#include <jansson.h>
#include <string.h>

#include "demo/lab/bench.h"

static json_t *cost_json(const struct lab_cost *cost)
{
    return json_pack("{s:f, s:f, s:I}", "user_ms", cost->user_ms, "system_ms", cost->system_ms, "switches",
                     (json_int_t)cost->switches);
}

static json_t *figure_json(const struct lab_figure *figure, bool has_percentiles)
{
    const struct lab_result *median = &figure->median;

    if (figure->error != 0)
        return json_pack("{s:s}", "error",
                         strerrorname_np(-figure->error) ? strerrorname_np(-figure->error) : "unknown");
    json_t *object =
        json_pack("{s:f, s:I, s:I, s:o, s:o}", "total_ms", median->total_ms, "messages", (json_int_t)median->messages,
                  "message_bytes", (json_int_t)median->message_bytes, "sender", cost_json(&median->cost[LAB_LEFT]),
                  "receiver", cost_json(&median->cost[LAB_RIGHT]));
    if (has_percentiles)
        json_object_update_new(object, json_pack("{s:f, s:f, s:f}", "p50_us", median->p50_us, "p99_us", median->p99_us,
                                                 "p999_us", median->p999_us));
    return object;
}

static json_t *placements_json(const struct lab_figure figures[LAB_PLACEMENTS], bool has_percentiles)
{
    return json_pack("{s:o, s:o}", "two_cores", figure_json(&figures[LAB_APART], has_percentiles), "one_core",
                     figure_json(&figures[LAB_TOGETHER], has_percentiles));
}

static json_t *claims_json(const struct lab_row *row)
{
    struct lab_verdict verdicts[LAB_VERDICTS_MAX];
    size_t count = lab_bench_judge(row, verdicts);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        const struct lab_verdict *verdict = &verdicts[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:f, s:o, s:o, s:o}", "claim", verdict->claim, "unit",
                                        verdict->unit, "claimed", verdict->claimed, "measured",
                                        verdict->is_measured ? json_real(verdict->measured) : json_null(), "holds",
                                        verdict->is_measured ? json_boolean(verdict->holds) : json_null(), "why",
                                        verdict->why[0] ? json_string(verdict->why) : json_null()));
    }
    return list;
}

static json_t *row_json(const struct lab_row *row)
{
    return json_pack("{s:s, s:s, s:s?, s:o, s:o, s:o, s:o}", "name", row->entry->name, "family", row->entry->family,
                     "not_installed", row->entry->missing, "one_way", placements_json(row->one_way, false),
                     "round_trip", placements_json(row->round_trip, true), "transfer",
                     placements_json(row->transfer, false), "claims", claims_json(row));
}

void lab_bench_print_json(FILE *out, const struct lab_bench_options *options, const struct lab_row *rows, size_t count,
                          double others_percent)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, row_json(&rows[i]));
    json_t *document = json_pack("{s:i, s:I, s:I, s:I, s:I, s:f, s:o}", "rounds", (int)options->rounds, "messages",
                                 (json_int_t)options->messages, "round_trips", (json_int_t)options->round_trips,
                                 "transfer_bytes", (json_int_t)options->transfer_bytes, "budget_ms",
                                 (json_int_t)options->budget_ms, "others_percent", others_percent, "rows", list);
    json_dumpf(document, out, JSON_INDENT(2));
    fputc('\n', out);
    json_decref(document);
}
