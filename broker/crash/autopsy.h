/* autopsy.h - what follows the bad end of a renderer: a backtrace, the hash of its document, the report in the store.
 *
 * What can be read of a renderer is gathered at once, for it is freed right after. Backtrace and hash are errands
 * (errand.h), two at a time; ends that come faster than that wait their turn, and when too many wait, the report of one
 * more is written without them. Each end gets one report or one word why there is none.
 */
#ifndef BULKHEAD_AUTOPSY_H
#define BULKHEAD_AUTOPSY_H

#include <stdbool.h>

#include "broker/exit_cause.h"

enum {
    AUTOPSIES_AT_ONCE = 2, /* the reload of what crashed has the processors first */
    AUTOPSIES_MOST = 32,   /* each holds some 150 KB */
};

struct autopsies;
struct broker;
struct renderer;

/* Called from the loop or from autopsies_finish(); `end` lives for the call. */
struct autopsy_listener {
    /* Several lines, escaped. Not for ends without a crash record. */
    void (*backtrace)(const struct exit_report *end, const char *text, void *userdata);
    /* Where the report is, or NULL and why there is none. `document`: what to call it, or NULL. All escaped. Not when
     * reports are off. */
    void (*reported)(const struct exit_report *end, const char *document, const char *path, const char *why,
                     void *userdata);
};

/* wants_backtraces: also when crash reports are off. */
int autopsies_create(struct broker *broker, bool wants_backtraces, const struct autopsy_listener *listener,
                     void *userdata, struct autopsies **ret_autopsies);
/* Writes what is not written yet. Takes NULL. */
void autopsies_destroy(struct autopsies *autopsies);

/* For every end; those that are worth no report are passed over. */
void autopsies_begin(struct autopsies *autopsies, struct renderer *renderer, const struct exit_report *end);
bool autopsies_are_pending(const struct autopsies *autopsies);
/* Writes the reports of all that are pending, without what is still being worked out. */
void autopsies_finish(struct autopsies *autopsies);

#endif
