/* terminal.h - the user's terminal while a program draws on all of it: modes, size, keys, output.
 *
 * Opens the terminal a second time, so that non-blocking output leaves the shell's own descriptors alone: a slow or
 * stopped terminal holds up neither the broker nor its renderers; frames are simply left out until it has caught up.
 * Puts everything back on close, and by its guard process (terminal_guard.h) when the program dies by any other way.
 */
#ifndef BULKHEAD_TERMINAL_H
#define BULKHEAD_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/viewer/screen.h"
#include "broker/viewer/terminal_keys.h"
#include "common/loop.h"

struct terminal;

/* What the environment says about the terminal. */
struct terminal_facts {
    bool can_draw; /* has a cursor that can be moved: not TERM=dumb, not unset */
    bool utf8;
    enum screen_colours colours;
};

/* Pure: the values of these variables, NULL where unset. */
struct terminal_environment {
    const char *term, *colorterm, *no_color, *lc_all, *lc_ctype, *lang;
};

void terminal_detect(const struct terminal_environment *environment, struct terminal_facts *ret_facts);
/* The same from this process's environment. */
void terminal_detect_own(struct terminal_facts *ret_facts);
/* Whether standard output is a terminal. Keys are read from the same one, whatever standard input is. */
bool terminal_is_present(void);

struct terminal_listener {
    void (*key)(struct terminal *terminal, uint32_t key, void *userdata);
    void (*resized)(struct terminal *terminal, int columns, int rows, void *userdata);
    /* All that was written has gone out; terminal_write() is welcome again. */
    void (*drained)(struct terminal *terminal, void *userdata);
    /* The terminal is gone (hang-up). */
    void (*lost)(struct terminal *terminal, void *userdata);
};

/* Takes over the terminal: raw mode, alternate screen, cursor hidden. device: its path, NULL = that of standard output.
 * The listener is borrowed. May be closed from any callback. 0 or -errno. */
int terminal_open(struct loop *loop, const char *device, const struct terminal_listener *listener, void *userdata,
                  struct terminal **ret_terminal);
/* Gives it back as it was. Takes NULL. */
void terminal_close(struct terminal *terminal);

void terminal_size(const struct terminal *terminal, int *ret_columns, int *ret_rows);
/* False while bytes of an earlier write wait for the terminal. */
bool terminal_is_drained(const struct terminal *terminal);
/* Sends one frame's bytes in one write, as a synchronised update; what the terminal does not take now is kept and sent
 * later. Only when drained. After the listener's lost() it does nothing. 0 or -errno. */
int terminal_write(struct terminal *terminal, const char *bytes, size_t size_bytes);
uint64_t terminal_bytes_written(const struct terminal *terminal);

#endif
