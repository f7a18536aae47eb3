#include "broker/viewer/viewer_style.h"

static struct screen_style viewer_style_monochrome(enum viewer_role role)
{
    uint32_t attributes = 0;

    switch (role) {
    case VIEWER_ROLE_TEXT:
    case VIEWER_ROLE_FAINT:
    case VIEWER_ROLE_GOOD:
    case VIEWER_ROLE_BOX:
        break;
    case VIEWER_ROLE_STRONG:
    case VIEWER_ROLE_WARNING:
    case VIEWER_ROLE_BAD:
    case VIEWER_ROLE_NARRATION:
    case VIEWER_ROLE_BOX_BAD:
    case VIEWER_ROLE_BOX_WARNING:
        attributes = SCREEN_BOLD;
        break;
    case VIEWER_ROLE_BAR:
    case VIEWER_ROLE_BAR_FAINT:
    case VIEWER_ROLE_BAR_BAD:
        attributes = SCREEN_REVERSE;
        break;
    case VIEWER_ROLE_BAR_ACTIVE:
        attributes = SCREEN_BOLD | SCREEN_UNDERLINE;
        break;
    }
    return (struct screen_style){SCREEN_DEFAULT, SCREEN_DEFAULT, attributes};
}

struct screen_style viewer_style(const struct screen *screen, enum viewer_role role)
{
    static const struct screen_style styles[] = {
        [VIEWER_ROLE_TEXT] = {SCREEN_DEFAULT, SCREEN_DEFAULT, 0},
        [VIEWER_ROLE_FAINT] = {0x8088a0, SCREEN_DEFAULT, 0},
        [VIEWER_ROLE_STRONG] = {SCREEN_DEFAULT, SCREEN_DEFAULT, SCREEN_BOLD},
        [VIEWER_ROLE_BAR] = {0xe6e9f0, 0x263048, 0},
        [VIEWER_ROLE_BAR_FAINT] = {0x98a2bc, 0x263048, 0},
        [VIEWER_ROLE_BAR_ACTIVE] = {0x101420, 0x7fc8f8, SCREEN_BOLD},
        [VIEWER_ROLE_BAR_BAD] = {0xffb0a8, 0x5a1f28, 0},
        [VIEWER_ROLE_NARRATION] = {0x201800, 0xf2c14e, SCREEN_BOLD},
        [VIEWER_ROLE_GOOD] = {0x6fcf7c, SCREEN_DEFAULT, 0},
        [VIEWER_ROLE_WARNING] = {0xf2c14e, SCREEN_DEFAULT, SCREEN_BOLD},
        [VIEWER_ROLE_BAD] = {0xff6f61, SCREEN_DEFAULT, SCREEN_BOLD},
        [VIEWER_ROLE_BOX] = {0xe6e9f0, 0x1b2233, 0},
        [VIEWER_ROLE_BOX_BAD] = {0xffe4e0, 0x6a1f2a, 0},
        [VIEWER_ROLE_BOX_WARNING] = {0x201800, 0xf2c14e, 0},
    };

    return screen_colours(screen) == SCREEN_MONOCHROME ? viewer_style_monochrome(role) : styles[role];
}

enum viewer_role viewer_style_of_state(enum tab_state state)
{
    switch (state) {
    case TAB_STARTING:
    case TAB_LOADING:
    case TAB_CLOSED:
        return VIEWER_ROLE_FAINT;
    case TAB_LIVE:
        return VIEWER_ROLE_GOOD;
    case TAB_UNRESPONSIVE:
    case TAB_FAILED:
        return VIEWER_ROLE_WARNING;
    case TAB_SAD:
    case TAB_QUARANTINED:
        return VIEWER_ROLE_BAD;
    }
    return VIEWER_ROLE_TEXT;
}
