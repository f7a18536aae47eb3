/* figures.h - what each tab painted between two moments, against what it should have. */
#ifndef BULKHEAD_DEMO_FIGURES_H
#define BULKHEAD_DEMO_FIGURES_H

#include <stdio.h>

#include "demo/loss.h"
#include "demo/stage.h"

/* One tab's counts at one moment. */
struct figures_tab {
    unsigned renderer_id;
    bool is_scene;
    uint64_t received; /* frames that arrived */
    uint64_t owed;     /* documents: paints asked for, less those not answered yet */
    uint64_t late;     /* scenes: frames the machine had no time for (lateness.h) */
};

struct figures {
    uint64_t at_ns;
    size_t count;
    struct figures_tab tabs[STAGE_TABS];
};

/* Three moments: a quiet stretch from the first to the second, and from there to the third what is to be judged. */
struct figures_story {
    struct figures quiet, before, after;
};

/* Sums over all neighbours of one tab. `loss.lost` counts a neighbour with another renderer than before as well. */
struct figures_sum {
    struct loss loss;
    size_t neighbours, silent; /* silent: painted nothing at all */
};

void figures_take(const struct stage *stage, struct figures *ret_figures);

/* Every tab but `except`, written to `table` line by line. */
void figures_compare(const struct stage *stage, const struct figures_story *story, size_t except, FILE *table,
                     struct figures_sum *ret_sum);

#endif
