/* attack_run.h - abuse attempts against a broker of its own: neighbours that paint, and one attacking renderer at a
 * time.
 *
 * The broker's renderers are all bulkhead-attacker, in the same cell and under the same policy as any other. Nothing an
 * attacker says is believed but its errno, which only ever counts against us. For commands and tests.
 */
#ifndef BULKHEAD_ATTACK_RUN_H
#define BULKHEAD_ATTACK_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/attack/attack_list.h"
#include "broker/broker.h"

struct attack_run;

struct attack_result {
    const struct attack_row *row;
    const struct attack_expectation *expected, *otherwise; /* as the cell is */
    bool may_harm;       /* neighbours may end of it: a layer that protects them is missing */
    const char *skipped; /* why this build cannot hold it; NULL: it was tried */
    enum attack_outcome outcome;
    char detail[160];  /* what tells it apart: "EACCES", "socket(0x2, …)", "wrong state"; escaped */
    char summary[256]; /* of the renderer's end; "" if it lived; escaped */
    const char *layer; /* what stopped it, as far as can be seen from outside; "" if nothing did */
    bool holds;
    char why_not[160];                      /* what is not as expected; "" if it holds */
    uint64_t neighbour_frames, lost_frames; /* the least any neighbour painted meanwhile; all they lost */
    bool neighbours_paint;
    double elapsed_ms;
};

struct attack_run_options {
    const struct broker_options *broker; /* require, without, trace_path, policy_path, memory_limit_bytes */
    const char *attacker_path;           /* NULL: bulkhead-attacker where bulkhead-renderer would be */
    bool judge_whole;                    /* whatever is left out, expect what a whole cell must give */
};

/* Starts the broker and its neighbours and waits until those paint. 0, -ENOENT (no attacker), -EPERM (a layer that was
 * required is missing), -ETIMEDOUT, -EINTR, or -errno; ret_why says it in words. */
int attack_run_create(const struct attack_run_options *options, struct attack_run **ret_run, char *ret_why,
                      size_t why_bytes);
void attack_run_destroy(struct attack_run *run); /* takes NULL */

/* Tries one. 0, or -EINTR when the broker was told to end. */
int attack_run_try(struct attack_run *run, const struct attack_row *row, struct attack_result *ret_result);

struct broker *attack_run_broker(struct attack_run *run);

/* For the other side of "broker-killed": attacks, says "ready" on stdout and lives until it is killed. */
int attack_run_hold(const struct attack_run_options *options);

#endif
