/* viewer_layout.h - which part of the screen shows what. Pure arithmetic; every rectangle lies within the screen. */
#ifndef BULKHEAD_VIEWER_LAYOUT_H
#define BULKHEAD_VIEWER_LAYOUT_H

#include "broker/viewer/viewer_model.h"

struct viewer_rect {
    int x, y, columns, rows; /* rows or columns 0: not shown */
};

struct viewer_layout {
    struct viewer_rect header, narration, table, panel, page, status, events, keys;
    struct viewer_rect tiles[VIEWER_TABS]; /* by tab; the last row of each is its caption if it has two or more */
    size_t table_first, table_count;       /* the tabs the table has room for */
};

void viewer_layout_make(const struct viewer_model *model, int columns, int rows, struct viewer_layout *ret_layout);

#endif
