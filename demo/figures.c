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

void figures_compare(const struct stage *stage, const struct figures *before, const struct figures *after,
                     size_t except, FILE *table, struct figures_sum *ret_sum)
{
    *ret_sum = (struct figures_sum){0};
    fprintf(table, "%-18s %7s %7s %9s %7s %5s\n", "neighbour", "before", "after", "expected", "painted", "lost");
    for (size_t i = 0; i < before->count && i < after->count; i++) {
        const struct figures_tab *then = &before->tabs[i], *now = &after->tabs[i];
        /* A neighbour with another renderer than before did not go on: everything of it counts as lost. */
        bool same = then->renderer_id != 0 && then->renderer_id == now->renderer_id;
        uint64_t expected = now->painted - then->painted, received = now->received - then->received;
        uint64_t missing = expected > received ? expected - received : 0;
        uint64_t lost = same ? missing + (now->lost - then->lost) : expected + 1;
        if (i == except)
            continue;
        fprintf(table, "%-18s %7llu %7llu %9llu %7llu %5llu\n", stage->tabs[i].name, (unsigned long long)then->received,
                (unsigned long long)now->received, (unsigned long long)expected, (unsigned long long)received,
                (unsigned long long)lost);
        ret_sum->neighbours++;
        ret_sum->silent += received == 0;
        ret_sum->before += then->received;
        ret_sum->after += now->received;
        ret_sum->expected += expected;
        ret_sum->received += received;
        ret_sum->lost += lost;
    }
    fprintf(table, "%-18s %7llu %7llu %9llu %7llu %5llu\n", "all of them", (unsigned long long)ret_sum->before,
            (unsigned long long)ret_sum->after, (unsigned long long)ret_sum->expected,
            (unsigned long long)ret_sum->received, (unsigned long long)ret_sum->lost);
}
