/* state_directory.h - where this program keeps what outlives a run, after the XDG base directory specification:
 * $XDG_STATE_HOME/bulkhead, else ~/.local/state/bulkhead.
 */
#ifndef BULKHEAD_STATE_DIRECTORY_H
#define BULKHEAD_STATE_DIRECTORY_H

#include <stddef.h>

/* ".../bulkhead/NAME". Touches nothing. 0, -ENAMETOOLONG, or -ENOENT: neither XDG_STATE_HOME nor HOME is set. */
int state_directory_path(const char *name, char *out, size_t out_bytes);

/* Makes the directories before the last slash of `path`, mode 0700. 0 or -errno. */
int state_directory_make_parents(const char *path);

#endif
