/* world.h - what one input of fuzz_inbound is played in: a broker, a tab and its document, the renderer's side of it,
 * and the script that moves them. What must hold is checked all along: a renderer ends once, a frame is what was asked
 * for, only files beneath the document's directory are granted, nothing leaks. */
#ifndef BULKHEAD_FUZZ_WORLD_H
#define BULKHEAD_FUZZ_WORLD_H

#include <stdbool.h>

#include "broker/broker.h"
#include "broker/document/tab.h"
#include "broker/exit_cause.h"
#include "tests/fuzz/inbound/insight.h"
#include "tests/fuzz/inbound/script.h"

enum { WORLD_FRAME_EDGE = 48, WORLD_RENDERER_IDS = 64 };

/* What a script got to; for the tests of the seeds. */
struct world_facts {
    unsigned births; // renderers
    unsigned infos, bounds, frames;
    unsigned granted, refused; // files asked for
    unsigned ends[EXIT_CAUSE_COUNT];
};

struct world {
    struct script script;
    struct broker *broker;
    struct document *document;
    struct tab *tab;
    struct insight insight;
    const struct frame *borrowed;
    uint64_t asked; // the tab's last request
    struct tab_view view;
    unsigned ends[WORLD_RENDERER_IDS]; // of each, by its id
    struct world_facts facts;
};

/* Plays an input from beginning to end; aborts where something does not hold that always must. */
void world_run(const uint8_t *data, size_t size, struct world_facts *ret_facts);

#endif
