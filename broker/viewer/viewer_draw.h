/* viewer_draw.h - draws a viewer_model onto a screen. Touches nothing else. */
#ifndef BULKHEAD_VIEWER_DRAW_H
#define BULKHEAD_VIEWER_DRAW_H

#include "broker/viewer/screen.h"
#include "broker/viewer/viewer_layout.h"

/* The whole screen; `layout` is the one viewer_layout_make() gave for it. */
void viewer_draw(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen);

/* Cells for the picture within a page or a tile: without frame and caption. */
struct viewer_rect viewer_draw_page_area(const struct viewer_layout *layout);
struct viewer_rect viewer_draw_tile_area(const struct viewer_layout *layout, size_t index);

/* Lines of `text` when broken to `columns`; fills [first, first + rows) into the rectangle. Returns the number of all.
 */
size_t viewer_draw_text(struct screen *screen, struct viewer_rect area, struct screen_style style, const char *text,
                        size_t first);

/* Columns for the text over everything. */
int viewer_draw_overlay_columns(const struct screen *screen);

#endif
