/* acts.h - the story: everything painted; a crash, a hang, memory running out, a forbidden system call. */
#ifndef BULKHEAD_DEMO_ACTS_H
#define BULKHEAD_DEMO_ACTS_H

#include "demo/stage.h"

#ifdef BULKHEAD_SANITIZED
enum { ACTS_MISDEEDS = 3 }; /* a sanitizer build has no memory limit to run into */
#else
enum { ACTS_MISDEEDS = 4 };
#endif
enum { ACTS_VERDICT_BYTES = 512 };

/* What the story came to, for the last page. */
struct acts_result {
    char verdicts[ACTS_MISDEEDS][ACTS_VERDICT_BYTES];
    size_t count;
};

/* Waits until every tab has painted. False when the story cannot go on. */
bool acts_open(struct stage *stage);
/* All four misdeeds, one after the other. */
void acts_misdeeds(struct stage *stage, struct acts_result *ret_result);

#endif
