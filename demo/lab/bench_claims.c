/* bench_claims.c - what the source material claims of a mechanism, judged by the better of its two placements; and
 * where a claim does not hold, why: by what the kernel counted of both sides while it was measured. */
#include <string.h>

#include "demo/lab/bench.h"

/* The placement that did better; NULL if neither was measured. */
static const struct lab_figure *better(const struct lab_figure figures[LAB_PLACEMENTS],
                                       double (*scaled)(const struct lab_figure *figure))
{
    const struct lab_figure *best = NULL;

    for (int i = 0; i < LAB_PLACEMENTS; i++)
        if (figures[i].error == 0 && (best == NULL || scaled(&figures[i]) < scaled(best)))
            best = &figures[i];
    return best;
}

static double busy_ms(const struct lab_cost *cost)
{
    return cost->user_ms + cost->system_ms;
}

/* On two cores one side alone may be at work for longer than all is claimed to take, on one core the two together;
 * else it is the waiting for each other, or for a machine that does something else. `scale` makes the run's times those
 * of the claim. */
static void explain(const struct lab_figure *figure, bool on_one_core, double claimed_ms, double scale,
                    struct lab_verdict *verdict)
{
    const struct lab_cost *left = &figure->median.cost[LAB_LEFT], *right = &figure->median.cost[LAB_RIGHT];
    bool is_left = busy_ms(left) >= busy_ms(right);
    double busy = on_one_core ? busy_ms(left) + busy_ms(right) : busy_ms(is_left ? left : right);
    double kernel = on_one_core ? left->system_ms + right->system_ms : (is_left ? left : right)->system_ms;
    double switches = (double)(left->switches + right->switches) / (double)figure->median.messages;
    const char *who = on_one_core ? "both sides, on one core, are"
                      : is_left   ? "the sender alone is"
                                  : "the receiver alone is";

    if (busy * scale > claimed_ms)
        snprintf(verdict->why, sizeof(verdict->why), "%s at work for %.0f ms, %.0f %% of that in the kernel", who,
                 busy * scale, kernel * 100 / busy);
    else if (switches > 0.02)
        snprintf(verdict->why, sizeof(verdict->why),
                 "%s at work for %.0f ms only; the rest is waiting, with %.2f switches a message", who, busy * scale,
                 switches);
    else
        snprintf(verdict->why, sizeof(verdict->why),
                 "%s at work for %.0f ms only, and seldom waits: the machine had other work", who, busy * scale);
}

static void judge_time(const struct lab_figure *best, bool on_one_core, double measured_ms, double claimed_ms,
                       const char *amount, struct lab_verdict *verdict)
{
    snprintf(verdict->claim, sizeof(verdict->claim), "%s in %g ms", amount, claimed_ms);
    verdict->unit = "ms";
    verdict->claimed = claimed_ms;
    verdict->is_measured = best != NULL;
    if (best == NULL)
        return;
    verdict->measured = measured_ms;
    verdict->holds = measured_ms <= claimed_ms;
    if (!verdict->holds)
        explain(best, on_one_core, claimed_ms, measured_ms / best->median.total_ms, verdict);
}

static void judge_rate(const struct lab_figure *best, bool on_one_core, double claimed_a_second,
                       struct lab_verdict *verdict)
{
    snprintf(verdict->claim, sizeof(verdict->claim), "%g million messages a second", claimed_a_second / 1e6);
    verdict->unit = "messages/s";
    verdict->claimed = claimed_a_second;
    verdict->is_measured = best != NULL;
    if (best == NULL)
        return;
    double per_million_ms = lab_bench_per_million(best);
    verdict->measured = 1e9 / per_million_ms;
    verdict->holds = verdict->measured >= claimed_a_second;
    if (!verdict->holds)
        explain(best, on_one_core, 1e9 / claimed_a_second, per_million_ms / best->median.total_ms, verdict);
}

size_t lab_bench_judge(const struct lab_row *row, struct lab_verdict ret_verdicts[LAB_VERDICTS_MAX])
{
    const struct lab_entry *entry = row->entry;
    const struct lab_figure *messages = better(row->one_way, lab_bench_per_million);
    const struct lab_figure *transfer = better(row->transfer, lab_bench_per_gigabyte);
    bool is_on_one_core = messages == &row->one_way[LAB_TOGETHER];
    size_t count = 0;

    memset(ret_verdicts, 0, LAB_VERDICTS_MAX * sizeof(ret_verdicts[0]));
    if (entry->claimed_messages_ms > 0)
        judge_time(messages, is_on_one_core, messages ? lab_bench_per_million(messages) : 0, entry->claimed_messages_ms,
                   "1,000,000 messages", &ret_verdicts[count++]);
    if (entry->claimed_transfer_ms > 0)
        judge_time(transfer, transfer == &row->transfer[LAB_TOGETHER], transfer ? lab_bench_per_gigabyte(transfer) : 0,
                   entry->claimed_transfer_ms, "1 GB", &ret_verdicts[count++]);
    if (entry->claimed_a_second > 0)
        judge_rate(messages, is_on_one_core, entry->claimed_a_second, &ret_verdicts[count++]);
    return count;
}
