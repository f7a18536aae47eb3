/* attack_list.h - what bulkhead-attacker can be asked to try, and what must come of it: constants, nothing else.
 *
 * The names are those of the tables in renderer/attack/ (tests/unit/test_attack_list.c compares the two). What is
 * expected holds for a complete cell; attack_list_unlike.c says what else is to be expected where a layer is missing.
 */
#ifndef BULKHEAD_ATTACK_LIST_H
#define BULKHEAD_ATTACK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "to_broker.pb-c.h"
#include "to_renderer.pb-c.h"

enum attack_family {
    ATTACK_FAMILY_FILES,
    ATTACK_FAMILY_PROCESSES,
    ATTACK_FAMILY_PRIVILEGES,
    ATTACK_FAMILY_KERNEL,
    ATTACK_FAMILY_MEMORY,
    ATTACK_FAMILY_CHANNEL,
    ATTACK_FAMILY_FRAMES,
    ATTACK_FAMILY_DEATH,
    ATTACK_FAMILY_COUNT,
};

/* How an attempt came out; `detail` is what tells it apart from others of its kind. */
enum attack_outcome {
    ATTACK_NO_OUTCOME,  /* nothing was seen in time */
    ATTACK_KILLED,      /* K: sandbox violation; the system call, or "SIGSYS" where no handler runs */
    ATTACK_REFUSED,     /* E: an errno, reported by the renderer, which lives and paints */
    ATTACK_BAD_MESSAGE, /* B: the violation's name */
    ATTACK_HUNG,        /* T: ended by the watchdog */
    ATTACK_MEMORY,      /* M: ended for want of memory */
    ATTACK_CRASHED,     /* C: the signal */
    ATTACK_EXITED,      /* X: unexpected exit; words of the report */
    ATTACK_HARMLESS,    /* H: it lives and paints, and has gained nothing; words that were seen */
    ATTACK_QUARANTINED, /* Q: the document is given up */
    ATTACK_ORPHANED,    /* O: the broker was killed, and no process outlived it */
    ATTACK_SUCCEEDED,   /* !: what ought to fail did not */
    ATTACK_OUTCOME_COUNT,
};

struct attack_expectation {
    enum attack_outcome outcome;
    const char *detail;
    const char *layer; /* what is expected to stop it */
};

/* What must be in the argument register of a call that was killed. */
struct attack_argument {
    unsigned position; /* from 1; 0 = no more */
    uint64_t value;
};

/* What must come of it where a layer is left out: what the other layers, or the kernel by itself, make of it. */
struct attack_unlike {
    const char *name; /* of the attempt */
    Bulkhead__LayerFact__Layer missing;
    struct attack_expectation
        expected; /* of REFUSED: detail "" = whatever errno; of SUCCEEDED: layer = what confines it */
    struct attack_expectation otherwise; /* as good, on another kernel or at another time; ATTACK_NO_OUTCOME = none */
    bool harms_neighbours;               /* they may end of it */
    const char *not_sanitized;           /* as in a row */
};

/* What else is looked at than the outcome. */
enum attack_check {
    ATTACK_CHECK_NOTHING,
    ATTACK_CHECK_FDS,     /* no descriptor reached the broker */
    ATTACK_CHECK_TORN,    /* the reuse of a buffer is noticed, and the geometry is still the broker's */
    ATTACK_CHECK_AGAIN,   /* as long as it lives: painted once more, and the geometry is still the broker's */
    ATTACK_CHECK_AREA,    /* no frame is made as large as the page is said to be */
    ATTACK_CHECK_STRINGS, /* no control byte in title, log and trace */
    ATTACK_CHECK_CLAIM,   /* the record is kept, as the renderer's word */
    ATTACK_CHECK_NO_CLAIM /* the record is thrown away */
};

enum { ATTACK_ARGUMENTS = 3 };

struct attack_row {
    const char *name;
    enum attack_family family;
    const char *tries; /* one line, lower case */
    struct attack_expectation expected;
    struct attack_expectation otherwise; /* as good, on another kernel; ATTACK_NO_OUTCOME = none */
    struct attack_argument arguments[ATTACK_ARGUMENTS];
    enum attack_check check;
    Bulkhead__Navigate__SharedBuffer shared_end; /* of the memory that two pages share: what it is given */
    bool is_mute;              /* says nothing after it described the document: it is asked for nothing more */
    const char *not_sanitized; /* why a sanitizer build cannot hold it; NULL = it can */
};

/* All rows, families together: system calls first. */
size_t attack_list_count(void);
const struct attack_row *attack_list_row(size_t index);
const struct attack_row *attack_list_find(const char *name); /* NULL if there is none */

/* What must come of it where these layers are left out (LAYER_BIT), with the layers that cannot be had without them;
 * NULL: the same as in a whole cell. */
const struct attack_unlike *attack_list_unlike(const struct attack_row *row, uint32_t without);

const char *attack_family_name(enum attack_family family);
enum attack_family attack_family_find(const char *name);      /* ATTACK_FAMILY_COUNT if there is none */
const char *attack_outcome_name(enum attack_outcome outcome); /* "killed", "refused", … */
char attack_outcome_letter(enum attack_outcome outcome);

#endif
