/* viewer_draw_parts.h - the parts viewer_draw.c puts together: viewer_overview.c and viewer_page.c. Private to those.
 */
#ifndef BULKHEAD_VIEWER_DRAW_PARTS_H
#define BULKHEAD_VIEWER_DRAW_PARTS_H

#include "broker/viewer/screen.h"
#include "broker/viewer/viewer_layout.h"

/* viewer_overview.c */
void viewer_draw_header(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen);
void viewer_draw_table(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen);
void viewer_draw_tile(const struct viewer_model *model, const struct viewer_layout *layout, size_t index,
                      struct screen *screen);

/* viewer_page.c */
void viewer_draw_tab_bar(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen);
void viewer_draw_page(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen);
void viewer_draw_status(const struct viewer_model *model, const struct viewer_layout *layout, struct screen *screen);

/* Whether the tab's picture is all that is left of a renderer. */
bool viewer_draw_is_sad(const struct viewer_row *row);
/* The picture in the middle of area, and over it what happened, if something did. */
void viewer_draw_picture(const struct viewer_row *row, struct viewer_rect area, struct screen *screen);

#endif
