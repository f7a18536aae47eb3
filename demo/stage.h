/* stage.h - where the demo's story is told: the viewer with its tabs, the clock, and a voice.
 *
 * With a terminal the voice is the viewer's narration, panel and event line; without one the same comes as plain lines.
 * The story runs the broker's loop itself, a little at a time, until what it waits for has happened or time is up.
 */
#ifndef BULKHEAD_DEMO_STAGE_H
#define BULKHEAD_DEMO_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/viewer/viewer.h"
#include "demo/lateness.h"

enum { STAGE_TABS = 16, STAGE_TITLE_BYTES = 64, STAGE_FRAMES_PER_SECOND = 60 };

struct stage_options {
    const char *pages_directory, *out_directory;
    bool interactive, plain;
    uint32_t
        stall_ms; /* for tests: the broker sleeps so long when a renderer ended, which does cost neighbours frames */
    struct broker_options broker;
};

/* What the story keeps about one tab. */
struct stage_tab {
    char name[STAGE_TITLE_BYTES]; /* the document's file name or about: url */
    unsigned ends;                /* renderers that ended so far */
    uint64_t told_ns, ended_ns;   /* when it was last told to misbehave, and when the broker knew */
    uint64_t reload_ns, repainted_ns;
    bool is_unresponsive_seen;
    uint64_t unresponsive_ns;
    struct lateness lateness; /* of scenes */
};

struct stage {
    const struct stage_options *options;
    struct broker *broker;
    struct viewer *viewer;
    struct stage_tab tabs[STAGE_TABS];
    size_t count;
    uint64_t start_ms, nudge_ms;
    size_t nudge_next;
    bool is_nudging;           /* documents are asked for frames all the time */
    uint64_t looked_at_ns;     /* when the scenes' lateness was last looked at */
    bool on_terminal, is_over; /* over: the user, a signal or a failure ended it */
    int failure;               /* -errno or 0: the cell could not be built */
    unsigned failed_steps;
};

/* Broker, viewer, terminal if there is one, and a tab for each document and scene. 0 or -errno, said on stderr. */
int stage_open(struct stage *stage, const struct stage_options *options);
void stage_close_terminal(struct stage *stage);
void stage_close(struct stage *stage);

/* Runs the loop for a while, asking documents for frames all the time. False once the story is over. */
bool stage_run(struct stage *stage, uint32_t ms);
/* The same to give people time to look: shorter without a terminal, and when the story is late. */
bool stage_look(struct stage *stage, uint32_t ms);
/* Runs until `is_done`; false when it did not come within `ms`, or the story is over. */
bool stage_wait(struct stage *stage, uint32_t ms, bool (*is_done)(const struct stage *stage, size_t tab), size_t tab);

/* A new part of the story. */
void stage_heading(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A line of it. */
void stage_say(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Several lines to be looked at. */
void stage_show(struct stage *stage, const char *title, const char *text);
/* A step that must be so: says it with ✓ or ✗ and keeps count. Returns `so`. */
bool stage_check(struct stage *stage, bool so, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same, but only worth a line when it is not so. */
bool stage_expect(struct stage *stage, bool so, const char *what);

/* A line on stdout that begins in this column: broken between words where stdout is a terminal, what follows indented.
 */
void stage_print(const char *line, size_t column, size_t indent);
/* Several of them, behind a bar if there is a margin. */
void stage_print_lines(const char *text, size_t margin, size_t indent);

/* The tab of that name; STAGE_TABS if there is none. */
size_t stage_find(const struct stage *stage, const char *name);

#endif
