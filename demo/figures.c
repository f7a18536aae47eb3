#include <stdio.h>

#include "common/clock.h"
#include "demo/figures.h"

static void figures_take_tab(const struct stage *stage, size_t index, struct figures_tab *ret_tab)
{
    const struct tab *tab = viewer_tab(stage->viewer, index);
    const struct tab_info *info = tab_info(tab);
    const struct frame *frame = tab_frame(tab);
    uint64_t asked, owed;

    *ret_tab = (struct figures_tab){
        .renderer_id = tab_renderer_id(tab),
        .received = tab_frames_received(tab),
        .lost = tab_frames_lost(tab),
    };
    viewer_paints(stage->viewer, index, &asked, &owed);
    if (info && info->animated)
        ret_tab->painted = frame ? frame->sequence : 0;
    else
        ret_tab->painted = asked - owed;
}

void figures_take(const struct stage *stage, struct figures *ret_figures)
{
    *ret_figures = (struct figures){.at_ns = clock_now_ns()};
    while (ret_figures->count < stage->count && ret_figures->count < viewer_count(stage->viewer)) {
        figures_take_tab(stage, ret_figures->count, &ret_figures->tabs[ret_figures->count]);
        ret_figures->count++;
    }
}

static void figures_print(FILE *table, const char *name, const struct figures_sum *row)
{
    fprintf(table, "%-17s %6llu %6llu %8llu %7llu %5llu\n", name, (unsigned long long)row->before,
            (unsigned long long)row->after, (unsigned long long)row->expected, (unsigned long long)row->received,
            (unsigned long long)row->lost);
}

static void figures_compare_tab(const struct figures_tab *then, const struct figures_tab *now,
                                struct figures_sum *ret_row)
{
    uint64_t expected = now->painted - then->painted, received = now->received - then->received;
    /* A neighbour with another renderer than before did not go on: whatever it painted, something was lost. */
    bool same = then->renderer_id != 0 && then->renderer_id == now->renderer_id;
    uint64_t missing = (expected > received ? expected - received : 0) + !same;

    *ret_row = (struct figures_sum){
        .before = then->received,
        .after = now->received,
        .expected = expected,
        .received = received,
        .lost = missing + (same ? now->lost - then->lost : 0),
        .missing = missing,
        .neighbours = 1,
        .silent = received == 0,
    };
}

void figures_compare(const struct stage *stage, const struct figures *before, const struct figures *after,
                     size_t except, FILE *table, struct figures_sum *ret_sum)
{
    struct figures_sum rows[STAGE_TABS], sum = {0};
    size_t count = before->count < after->count ? before->count : after->count;

    for (size_t i = 0; i < count; i++) {
        figures_compare_tab(&before->tabs[i], &after->tabs[i], &rows[i]);
        if (i == except)
            continue;
        sum.before += rows[i].before;
        sum.after += rows[i].after;
        sum.expected += rows[i].expected;
        sum.received += rows[i].received;
        sum.lost += rows[i].lost;
        sum.missing += rows[i].missing;
        sum.neighbours++;
        sum.silent += rows[i].silent;
    }
    fprintf(table, "%-17s %6s %6s %8s %7s %5s\n", "neighbour", "before", "after", "expected", "painted", "lost");
    figures_print(table, "all of them", &sum);
    for (size_t i = 0; i < count; i++)
        if (i != except)
            figures_print(table, stage->tabs[i].name, &rows[i]);
    *ret_sum = sum;
}
