/* siege.h - a real broker, in this process, with hostile-renderer below it: what happens is noted, nothing is believed.
 *
 * For cmocka tests: whatever goes wrong in here fails the test. Lines of the log and of the event line are checked as
 * they come: no control byte may reach them.
 */
#ifndef BULKHEAD_TESTS_SIEGE_H
#define BULKHEAD_TESTS_SIEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/document/tab.h"
#include "tests/support/hostile.h"

enum { SIEGE_DEADLINE_MS = 10000 };

struct siege_tab {
    struct tab *tab;
    struct document *document;
    bool has_info, has_frame, has_failed, has_ended;
    unsigned frames, ends;
    uint32_t last_sequence;
    struct exit_report end;
    char title[512], detail[600];
    uint32_t frames_per_second; /* of the paint that follows the info */
    bool is_resized_first;      /* paint at another size before that */
};

struct siege {
    struct broker *broker;
    char directory[40];
    int fds_before;
    size_t log_bytes; /* of lines that carry peer text, since siege_open() */
    unsigned backtraces;
    unsigned reports;   /* crash reports that were written, */
    unsigned unwritten; /* and those that were not */
    bool has_cell_failed;
    char why[320];
};

/* Starts a broker whose zygotes have this vice; policy NULL = one with a quick watchdog. The log is caught until
 * siege_close(). */
void siege_open(struct siege *siege, enum hostile_zygote vice, const char *policy, const char *trace_path);
/* Ends the broker. Asserts that no child, no process below and no fd is left. */
void siege_close(struct siege *siege);

/* Opens "about:…" or a file; measures, then paints page 0. */
void siege_attack(struct siege *siege, const char *location, struct siege_tab *ret_tab);
void siege_tab_close(struct siege_tab *tab);
/* The process of its renderer, which may be heard before the zygote has said which it is. Never 0: to kill that would
 * be to kill ourselves. */
pid_t siege_pid(struct siege *siege, const struct siege_tab *tab);

/* Runs the loop until *flag; fails the test after SIEGE_DEADLINE_MS, naming `what`. */
void siege_until(struct siege *siege, const bool *flag, const char *what);
/* Until `frames` more came to this tab. */
void siege_until_frames(struct siege *siege, const struct siege_tab *tab, unsigned frames);
void siege_run(struct siege *siege, int duration_ms);

/* Children of this process, zombies too, counted without reaping. */
size_t siege_count_children(void);
/* Resident memory of this process. */
size_t siege_resident_bytes(void);

#endif
