/* zygote.h - the process that is exec'd once, walls itself in, warms the engines up, and forks renderers on request.
 *
 * Single-threaded; trusted by nobody with anything but its channel. Its children are the broker's children
 * (clone_sibling.h), so it never waits for one. Ends with the channel, on Shutdown, or with its parent.
 */
#ifndef BULKHEAD_ZYGOTE_H
#define BULKHEAD_ZYGOTE_H

#include "renderer/cell/cell.h"

/* Descriptors by which the broker starts a zygote; 0 is /dev/null, 1 and 2 go to the broker's log. */
enum { ZYGOTE_CHANNEL_FD = 3 };

/* Takes ZYGOTE_CHANNEL_FD. Returns the exit status; in a renderer it does not return. */
int zygote_run(const struct cell_config *config);

#endif
