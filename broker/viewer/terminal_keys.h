/* terminal_keys.h - from the bytes a terminal sends to keys. Pure: bytes in, key out.
 *
 * Understands UTF-8, the CSI and SS3 forms of xterm, rxvt, the Linux console, tmux and screen, with modifiers (which
 * are dropped), and swallows whole sequences it does not know, so that no stray letters come out of them.
 */
#ifndef BULKHEAD_TERMINAL_KEYS_H
#define BULKHEAD_TERMINAL_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum terminal_key {
    /* below: Unicode code points; ^A is 1, Enter 13, Tab 9, Backspace 127 */
    TERMINAL_KEY_UP = 0x110000,
    TERMINAL_KEY_DOWN,
    TERMINAL_KEY_LEFT,
    TERMINAL_KEY_RIGHT,
    TERMINAL_KEY_HOME,
    TERMINAL_KEY_END,
    TERMINAL_KEY_PAGE_UP,
    TERMINAL_KEY_PAGE_DOWN,
    TERMINAL_KEY_INSERT,
    TERMINAL_KEY_DELETE,
    TERMINAL_KEY_BACK_TAB,
    TERMINAL_KEY_F1,
    TERMINAL_KEY_ESCAPE,
    TERMINAL_KEY_UNKNOWN, /* a sequence without a meaning here */
};

/* Decodes the first key of the bytes. Returns how many bytes it took, 0 when the sequence is not complete yet; with
 * `is_final` (nothing more came for a while) an incomplete one is decided at once: a lone ESC is the Escape key. */
size_t terminal_keys_decode(const uint8_t *bytes, size_t size_bytes, bool is_final, uint32_t *ret_key);

#endif
