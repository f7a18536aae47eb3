/* screen_grid.h - what screen.c draws into and screen_render.c reads. Private to those two. */
#ifndef BULKHEAD_SCREEN_GRID_H
#define BULKHEAD_SCREEN_GRID_H

#include "broker/viewer/screen.h"

struct screen {
    int columns, rows;
    enum screen_colours colours;
    bool utf8;
    bool stale;                /* nothing is known about what the terminal shows */
    struct screen_cell *drawn; // screen::columns * screen::rows cells
    struct screen_cell *shown; // the same
    char *bytes;               // the last render; screen::capacity bytes
    size_t size_bytes, capacity;
};

static inline struct screen_cell *screen_at(const struct screen *screen, int x, int y)
{
    return &screen->drawn[(size_t)y * (size_t)screen->columns + (size_t)x];
}

#endif
