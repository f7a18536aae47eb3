/* viewer_session.h - the open tabs on disk, so that `bulkhead open --restore` can open them again.
 *
 * One JSON object, written whole or not at all. What is read back is checked like any other file: a broken one opens
 * nothing. Standard input cannot be opened again and is left out.
 */
#ifndef BULKHEAD_VIEWER_SESSION_H
#define BULKHEAD_VIEWER_SESSION_H

#include <stddef.h>

#include "broker/viewer/viewer.h"

/* $XDG_STATE_HOME/bulkhead/session.json, or beneath ~/.local/state. Its directory is made (0700). 0 or -errno
 * (-ENOENT: neither variable is set). */
int viewer_session_path(char *out, size_t out_bytes);

/* 0 or -errno. */
int viewer_session_save(const struct viewer *viewer, const char *path);

struct viewer_session_tab {
    char *location; /* absolute, or about:… */
    struct viewer_place place;
};

/* What a session file holds; zero-initialised = nothing. */
struct viewer_session {
    struct viewer_session_tab *tabs; // viewer_session::count, owned
    size_t count, active;
};

/* 0, -EINVAL (it is no session file), or -errno. */
int viewer_session_load(const char *path, struct viewer_session *ret_session);
void viewer_session_fini(struct viewer_session *session);

#endif
