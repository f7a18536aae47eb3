#include <stdio.h>

#include "common/clock.h"
#include "demo/figures.h"

static void figures_take_tab(const struct stage *stage, size_t index, struct figures_tab *ret_tab)
{
    const struct tab *tab = viewer_tab(stage->viewer, index);
    const struct tab_info *info = tab_info(tab);
    uint64_t asked, unanswered;

    viewer_paints(stage->viewer, index, &asked, &unanswered);
    *ret_tab = (struct figures_tab){
        .renderer_id = tab_renderer_id(tab),
        .is_scene = info && info->animated,
        .received = tab_frames_received(tab),
        .owed = asked - unanswered,
        .late = stage->tabs[index].lateness.frames,
    };
}

void figures_take(const struct stage *stage, struct figures *ret_figures)
{
    *ret_figures = (struct figures){.at_ns = clock_now_ns()};
    while (ret_figures->count < stage->count && ret_figures->count < viewer_count(stage->viewer)) {
        figures_take_tab(stage, ret_figures->count, &ret_figures->tabs[ret_figures->count]);
        ret_figures->count++;
    }
}

static struct loss_stretch figures_stretch(const struct figures *from, const struct figures *to, size_t index)
{
    return (struct loss_stretch){
        .duration_ns = to->at_ns - from->at_ns,
        .painted = to->tabs[index].received - from->tabs[index].received,
        .late = to->tabs[index].late - from->tabs[index].late,
    };
}

/* A document owes what it was asked for, and nothing excuses it. */
static void figures_judge_document(const struct figures_story *story, size_t index, struct loss *ret_loss)
{
    const struct figures_tab *then = &story->before.tabs[index], *now = &story->after.tabs[index];
    uint64_t due = now->owed - then->owed, painted = now->received - then->received;

    *ret_loss = (struct loss){.due = due, .painted = painted, .missing = due > painted ? due - painted : 0};
    ret_loss->lost = ret_loss->missing;
}

static void figures_judge(const struct figures_story *story, size_t index, struct loss *ret_loss)
{
    const struct figures_tab *then = &story->before.tabs[index], *now = &story->after.tabs[index];

    if (then->is_scene) {
        const struct loss_stretch quiet = figures_stretch(&story->quiet, &story->before, index);
        const struct loss_stretch crash = figures_stretch(&story->before, &story->after, index);
        loss_judge(&quiet, &crash, STAGE_FRAMES_PER_SECOND, ret_loss);
    } else {
        figures_judge_document(story, index, ret_loss);
    }
    /* A neighbour with another renderer than before did not go on: whatever it painted, something was lost. */
    ret_loss->lost += then->renderer_id == 0 || then->renderer_id != now->renderer_id;
}

static void figures_print(FILE *table, const char *name, const struct loss *row)
{
    fprintf(table, "%-17s %5llu %7llu %7llu %5llu %4llu %4llu\n", name, (unsigned long long)row->due,
            (unsigned long long)row->painted, (unsigned long long)row->missing, (unsigned long long)row->quiet,
            (unsigned long long)row->late, (unsigned long long)row->lost);
}

static void figures_add(struct figures_sum *sum, const struct loss *row)
{
    sum->loss.due += row->due;
    sum->loss.painted += row->painted;
    sum->loss.missing += row->missing;
    sum->loss.quiet += row->quiet;
    sum->loss.late += row->late;
    sum->loss.lost += row->lost;
    sum->neighbours++;
    sum->silent += row->painted == 0;
}

void figures_compare(const struct stage *stage, const struct figures_story *story, size_t except, FILE *table,
                     struct figures_sum *ret_sum)
{
    size_t count = story->before.count < story->after.count ? story->before.count : story->after.count;
    struct figures_sum sum = {0};
    struct loss rows[STAGE_TABS];

    for (size_t i = 0; i < count; i++) {
        if (i == except)
            continue;
        figures_judge(story, i, &rows[i]);
        figures_add(&sum, &rows[i]);
    }
    fprintf(table, "%-17s %5s %7s %7s %5s %4s %4s\n", "neighbour", "due", "painted", "missing", "quiet", "late",
            "lost");
    figures_print(table, "all of them", &sum.loss);
    for (size_t i = 0; i < count; i++)
        if (i != except)
            figures_print(table, stage->tabs[i].name, &rows[i]);
    *ret_sum = sum;
}
