/* sandbox_page.h - what every live process of a broker is in, layer by layer: wanted, observed, and on what evidence.
 *
 * A snapshot made by looking: at /proc, at the broker's own sockets and cgroups, and at what each process found by its
 * own probes when it said hello. A layer that only the process itself can know is told as its word, never as proven.
 * Owns copies of all it shows; the processes may be gone by the time it is read. Making one takes some 10 ms of the
 * broker's only thread: on demand, not in a timer.
 */
#ifndef BULKHEAD_SANDBOX_PAGE_H
#define BULKHEAD_SANDBOX_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "broker/broker.h"
#include "broker/observe/observe_host.h"
#include "broker/observe/observe_judge.h"

enum sandbox_role {
    SANDBOX_RENDERER,
    SANDBOX_ZYGOTE,
    SANDBOX_INIT, /* gives no word of its own */
    SANDBOX_ROLES,
};

enum sandbox_want {
    SANDBOX_REQUIRED, /* by --require */
    SANDBOX_WANTED,   /* this host has it */
    SANDBOX_OPTIONAL, /* takes a host that is set up for it */
    SANDBOX_NOT_HERE, /* this host does not have it */
};

/* One layer of one process. */
struct sandbox_row {
    bool is_of_role; /* false: a process of its role is not to have it, and the rest says nothing */
    enum layer_observed observed;
    bool is_bad; /* wanted and not known to be in force, or contradicted */
    struct judgement outside;
    enum verdict inside;        /* CANNOT_TELL: it did not look, or gives no word */
    char word[JUDGEMENT_BYTES]; /* what it saw; escaped; "" = nothing was said */
};

struct sandbox_process {
    enum sandbox_role role;
    pid_t pid;
    unsigned renderer_id;
    char name[24];  /* "renderer 3", "zygote", "init" */
    char what[256]; /* the document it shows, or what it is for; escaped */
    struct sandbox_row rows[LAYERS];
    size_t counts[LAYER_OBSERVED_COUNT]; /* of the rows of its role */
};

/* One layer over all processes that are to have it. */
struct sandbox_layer {
    enum sandbox_want want;
    bool is_here; /* this host has it */
    char why_not[HOST_WHY_BYTES];
    bool is_counted;  /* in the score: not optional, or in force all the same */
    size_t processes; /* that are to have it, less those of which nothing can be known */
    enum layer_observed worst;
    size_t worst_process; /* where */
};

struct sandbox_page {
    struct host_facts host;
    struct sandbox_layer layers[LAYERS];
    struct sandbox_process *processes; // owned; renderers by number, then each cell's zygote and init
    size_t count;
};

/* `host` is copied. Renderers that have not said hello yet or were told to go are left out. 0 or -errno. */
int sandbox_page_create(struct broker *broker, const struct host_facts *host, layer_set required,
                        struct sandbox_page **ret_page);
void sandbox_page_destroy(struct sandbox_page *page); /* takes NULL */

/* Seen in force from outside, in force by the processes' own word, and how many there are to have. */
struct sandbox_score {
    size_t seen, claimed, total;
};
struct sandbox_score sandbox_page_score(const struct sandbox_page *page);

/* The first layer that was required and is not in force, or LAYERS. */
unsigned sandbox_page_missing_required(const struct sandbox_page *page);
/* Whether every row is as wanted. */
bool sandbox_page_is_sound(const struct sandbox_page *page);

const char *sandbox_role_name(enum sandbox_role role); /* "renderer", … */
const char *sandbox_want_name(enum sandbox_want want); /* "required", "yes", "optional", "not here" */

#endif
