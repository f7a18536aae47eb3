/* observe_judge.h - whether a layer is in force, decided from evidence: what the kernel shows from outside, and what
 * the process found by its own probes. Never from configuration. Pure.
 *
 * The two are independent: the renderer's word crossed its channel, /proc did not. Where both speak and disagree,
 * one of them is wrong or lying, and that is worse than a missing layer.
 */
#ifndef BULKHEAD_OBSERVE_JUDGE_H
#define BULKHEAD_OBSERVE_JUDGE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/observe/observe.h"
#include "to_broker.pb-c.h"

enum { JUDGEMENT_BYTES = 320 };

enum verdict {
    VERDICT_CANNOT_TELL,
    VERDICT_IN_FORCE,
    VERDICT_NOT_IN_FORCE,
};

/* One witness's word on one layer. */
struct judgement {
    enum verdict verdict;
    int error;                  /* CANNOT_TELL: errno of what could not be read; 0 = the kernel does not show it */
    char text[JUDGEMENT_BYTES]; /* what was seen; escaped */
};

/* What belongs to this process and no other. */
struct observe_expected {
    uint64_t memory_limit_bytes;   /* of RLIMIT_DATA; 0 = none was asked for */
    bool may_hold_files;           /* it has a document: the file itself and what that asked for */
    bool is_outside_pid_namespace; /* a zygote: only what it forks is born inside */
};

/* `own` is the broker itself: most layers are a difference. CANNOT_TELL for what only the broker's socket or only the
 * process itself knows. */
void observe_judge(Bulkhead__LayerFact__Layer layer, const struct observation *process, const struct observation *own,
                   const struct observe_expected *expected, struct judgement *ret_outside);

enum layer_observed {
    LAYER_OBSERVED_IN_FORCE,     /* seen from outside */
    LAYER_OBSERVED_CLAIMED,      /* the process found it in force, and from outside it cannot be seen: not proven */
    LAYER_OBSERVED_MISSING,      /* by either, and nobody says the opposite */
    LAYER_OBSERVED_NOT_SHOWN,    /* nobody can tell: not known to be in force */
    LAYER_OBSERVED_CONTRADICTED, /* outside and inside say the opposite of each other */
    LAYER_OBSERVED_COUNT,
};
enum layer_observed observe_decide(enum verdict outside, enum verdict inside);
/* "in force", "it says so", "missing", "not shown", "CONTRADICTED". */
const char *layer_observed_name(enum layer_observed observed);

#endif
