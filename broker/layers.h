/* layers.h - the layers of the cell by name and in sets, and what a process found of each when it said hello.
 *
 * Plain data and constants: every renderer and every zygote keeps a report of its own. What is in it is the process's
 * word, given before it met a document; the layers that the broker sees to are the broker's.
 */
#ifndef BULKHEAD_LAYERS_H
#define BULKHEAD_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "to_broker.pb-c.h"

/* One bit for each LayerFact.Layer. */
enum { LAYERS = BULKHEAD__LAYER_FACT__LAYER__CHANNEL_REFUSES_FDS + 1 };
typedef uint32_t layer_set;
#define LAYER_BIT(layer) (1u << (layer))

/* Parses "userns,seccomp,…" ("all", which leaves out the optional ones, too); 0 or -EINVAL with *ret_bad naming the
 * offending word (points into text). */
int layer_set_parse(const char *text, layer_set *ret_layers, const char **ret_bad);
/* "user-namespace", "seccomp", … as used by --require and the sandbox facts. */
const char *layer_name(Bulkhead__LayerFact__Layer layer);

/* One that takes a special set-up of the host: its absence is told, but neither warned about nor part of "all". */
bool layer_is_optional(Bulkhead__LayerFact__Layer layer);
/* Seen to, and reported, by the broker; the others by the renderer. */
bool layer_is_of_broker(Bulkhead__LayerFact__Layer layer);

struct layer_status {
    Bulkhead__LayerFact__Layer layer;
    bool known, in_force;
    int error;          /* errno that kept it out; 0 and not in force: nobody looked, it was left out by request */
    char evidence[320]; /* escaped */
};

/* Why it is not in force, in words that fit into brackets. The broker's own evidence is a sentence already. */
const char *layer_reason(const struct layer_status *status);

/* Nothing known yet. */
void layers_init(struct layer_status layers[LAYERS]);
/* What channel_refuses_fds() said of the broker's end. */
void layers_judge_channel(int error, struct layer_status *ret_status);
/* A hello's facts, but none on layers of the broker's. */
void layers_take_hello(struct layer_status layers[LAYERS], const Bulkhead__Hello *hello);

#endif
