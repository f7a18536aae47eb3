#include "common/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"

enum {
    LINE_BYTES = 4096,     // a pipe takes a line of this size in one piece (PIPE_BUF)
    PEER_TEXT_BYTES = 1024 // what one line shows of a peer's text
};

// Process-wide on purpose: passing a logger through every call would cost more than it explains.
static struct {
    enum log_level level;
    void (*sink)(enum log_level level, const char *line, void *userdata);
    void *userdata;
} log_state = {.level = LOG_WARNING};

struct log_line {
    char text[LINE_BYTES];
    size_t used;
};

void log_set_level(enum log_level level)
{
    log_state.level = level;
}

enum log_level log_get_level(void)
{
    return log_state.level;
}

void log_set_sink(void (*sink)(enum log_level level, const char *line, void *userdata), void *userdata)
{
    log_state.sink = sink;
    log_state.userdata = userdata;
}

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_DEBUG:
        return "debug";
    case LOG_INFO:
        return "info";
    case LOG_WARNING:
        return "warning";
    case LOG_ERROR:
        return "error";
    case LOG_NONE:
        return "none";
    }
    return "unknown";
}

static __attribute__((format(printf, 2, 0))) void log_line_append(struct log_line *line, const char *format,
                                                                  va_list args)
{
    size_t room = sizeof line->text - line->used;
    int n = vsnprintf(line->text + line->used, room, format, args);

    if (n > 0)
        line->used += (size_t)n < room ? (size_t)n : room - 1;
}

static __attribute__((format(printf, 3, 0))) void log_line_start(struct log_line *line, enum log_level level,
                                                                 const char *format, va_list args)
{
    line->used = (size_t)snprintf(line->text, sizeof line->text, "level=%s ", log_level_name(level));
    log_line_append(line, format, args);
}

static void log_line_emit(struct log_line *line, enum log_level level)
{
    // One event, one line, even if a caller forgot to escape something.
    for (size_t i = 0; i < line->used; i++) {
        if ((unsigned char)line->text[i] < 0x20 || line->text[i] == 0x7f)
            line->text[i] = ' ';
    }
    if (log_state.sink != NULL) {
        log_state.sink(level, line->text, log_state.userdata);
        return;
    }
    line->text[line->used++] = '\n'; // takes the NUL's place: there is always one
    // A closed or full stderr must not stop the broker: nothing to do about a failure here.
    ssize_t ignored = write(STDERR_FILENO, line->text, line->used);
    (void)ignored;
}

void log_write(enum log_level level, const char *format, ...)
{
    struct log_line line;
    va_list args;

    if (level < log_state.level)
        return;
    va_start(args, format);
    log_line_start(&line, level, format, args);
    va_end(args);
    log_line_emit(&line, level);
}

// Appends ` text="…"`; text_escape() leaves quotes alone, which would end the field early.
static void log_line_quote(struct log_line *line, const char *text)
{
    static const char opening[] = " text=\"";

    if (line->used + sizeof opening + 2 > sizeof line->text)
        return;
    memcpy(line->text + line->used, opening, sizeof opening);
    line->used += sizeof opening - 1;
    for (; *text != '\0' && line->used + 4 < sizeof line->text; text++) {
        if (*text == '"')
            line->text[line->used++] = '\\';
        line->text[line->used++] = *text;
    }
    line->text[line->used++] = '"';
    line->text[line->used] = '\0';
}

void log_peer(enum log_level level, const void *data, size_t size_bytes, const char *format, ...)
{
    struct log_line line;
    char escaped[PEER_TEXT_BYTES];
    va_list args;

    if (level < log_state.level)
        return;
    va_start(args, format);
    log_line_start(&line, level, format, args);
    va_end(args);
    text_escape(escaped, sizeof escaped, data, size_bytes);
    log_line_quote(&line, escaped);
    log_line_emit(&line, level);
}
