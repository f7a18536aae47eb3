/* attack_run_private.h - one attempt under way, for attack_*.c. */
#ifndef BULKHEAD_ATTACK_RUN_PRIVATE_H
#define BULKHEAD_ATTACK_RUN_PRIVATE_H

#include "broker/attack/attack_run.h"
#include "broker/document/tab.h"

enum { ATTACK_EDGE_PX = 16, ATTACK_DEADLINE_MS = 15000 };

struct attack_trial {
    const struct attack_row *row;
    const struct attack_expectation *expected, *otherwise; /* as the cell is */
    struct tab *tab;
    bool has_info, has_failed, has_ended;
    unsigned frames, ends;
    char seen[512]; /* the renderer's word on how it went: title, or the detail of an error; escaped */
    struct exit_report end;
    bool is_torn, is_geometry_ours; /* ATTACK_CHECK_TORN, ATTACK_CHECK_AGAIN */
    bool is_area_refused;           /* ATTACK_CHECK_AREA */
    size_t fds_before, fds_after;   /* ATTACK_CHECK_FDS: write ends of pipes in this process */
};

/* attack_trial.c: opens the tab and runs the loop until the attempt is over. The tab is closed then. 0 or -errno. */
int attack_trial_run(struct broker *broker, struct attack_trial *trial);

/* attack_judge.c: fills outcome, detail, summary, layer; then holds and why_not. */
void attack_judge(const struct attack_trial *trial, struct attack_result *result);

/* attack_apart.c: attempts that need a broker of their own. 0 or -errno, with result->outcome and detail. */
int attack_apart_strings(const struct attack_run_options *options, char *ret_why, size_t why_bytes);
int attack_apart_broker_killed(struct broker *broker, const struct attack_run_options *options,
                               struct attack_result *result);

#endif
