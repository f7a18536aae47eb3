/* log.h - one event a line: `level=info renderer=3 pid=812 state=ready msg=frame_ready`.
 *
 * Goes to stderr unless redirected; safe from one thread per process only. Peer text must have passed text_escape()
 * (log_peer() does it). Never exits, never asserts, never fails.
 */
#ifndef BULKHEAD_LOG_H
#define BULKHEAD_LOG_H

#include <stdarg.h>
#include <stddef.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR, LOG_NONE };

/* Lines below `level` are dropped. Default: LOG_WARNING. */
void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Where lines go: a callback (the viewer's event line), or NULL for stderr. `line` has no newline. */
void log_set_sink(void (*sink)(enum log_level level, const char *line, void *userdata), void *userdata);

/* printf-style; the format is the fields: log_write(LOG_INFO, "renderer=%u pid=%d state=%s", …). */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with ` text="…"` appended: data escaped and clipped. */
void log_peer(enum log_level level, const void *data, size_t size_bytes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

const char *log_level_name(enum log_level level);

#endif
