/* viewer_style.h - the viewer's colours by what they mean, with attributes instead on terminals without colours. */
#ifndef BULKHEAD_VIEWER_STYLE_H
#define BULKHEAD_VIEWER_STYLE_H

#include "broker/document/tab.h"
#include "broker/viewer/screen.h"

enum viewer_role {
    VIEWER_ROLE_TEXT,
    VIEWER_ROLE_FAINT,
    VIEWER_ROLE_STRONG,
    VIEWER_ROLE_BAR, /* top and status bars */
    VIEWER_ROLE_BAR_FAINT,
    VIEWER_ROLE_BAR_ACTIVE, /* the tab in front */
    VIEWER_ROLE_BAR_BAD,
    VIEWER_ROLE_NARRATION,
    VIEWER_ROLE_GOOD,
    VIEWER_ROLE_WARNING,
    VIEWER_ROLE_BAD,
    VIEWER_ROLE_BOX,     /* text over everything */
    VIEWER_ROLE_BOX_BAD, /* the box of a sad tab */
    VIEWER_ROLE_BOX_WARNING,
};

struct screen_style viewer_style(const struct screen *screen, enum viewer_role role);
enum viewer_role viewer_style_of_state(enum tab_state state);

#endif
