/* figures.h - what each tab painted between two moments, against what it should have. */
#ifndef BULKHEAD_DEMO_FIGURES_H
#define BULKHEAD_DEMO_FIGURES_H

#include <stdio.h>

#include "demo/stage.h"

/* One tab's counts at one moment. */
struct figures_tab {
    unsigned renderer_id;
    uint64_t received; /* frames that arrived */
    uint64_t painted;  /* scenes: what the renderer numbered its latest frame; documents: paints asked for, less owed */
    uint64_t lost;     /* frames the renderer left out for want of a buffer, or that arrived torn */
};

struct figures {
    uint64_t at_ns;
    size_t count;
    struct figures_tab tabs[STAGE_TABS];
};

/* Sums over all neighbours of one tab. `lost` holds both: `missing`, painted but never arrived, or the renderer was
 * another one; and what was left out for want of a buffer or arrived torn. */
struct figures_sum {
    uint64_t before, after, expected, received, lost, missing;
    size_t neighbours, silent; /* silent: painted nothing at all */
};

void figures_take(const struct stage *stage, struct figures *ret_figures);

/* Every tab but `except` from one moment to the other, written to `table` line by line. */
void figures_compare(const struct stage *stage, const struct figures *before, const struct figures *after,
                     size_t except, FILE *table, struct figures_sum *ret_sum);

#endif
