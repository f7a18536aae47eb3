/* hostile.h - a renderer that is somebody else's by now: it speaks the real protocol, without a cell, and misbehaves as
 * the document asks ("about:NAME", or the first word of a file).
 *
 * hostile.c is the honest part: it greets, answers, paints. hostile_life.c, hostile_warnings.c and hostile_mutant.c
 * hold one function per misbehaviour, beside those in renderer/attack/; hostile_talk.c only talks a great deal. Every
 * process of it ends by itself after HOSTILE_LIFE_S, whatever the broker does.
 */
#ifndef BULKHEAD_TESTS_HOSTILE_H
#define BULKHEAD_TESTS_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "renderer/attack/attacker.h"

enum {
    HOSTILE_LIFE_S = 120,
};

/* What the zygote itself does wrong; travels in the high byte of --without, which the cell has no layer for. */
enum hostile_zygote {
    HOSTILE_ZYGOTE_FINE,
    HOSTILE_ZYGOTE_SAYS_NOTHING,
    HOSTILE_ZYGOTE_DIES_AT_ONCE,
    HOSTILE_ZYGOTE_WRONG_VERSION,
    HOSTILE_ZYGOTE_WRONG_ID,
    HOSTILE_ZYGOTE_INIT_IS_ONE,
    HOSTILE_ZYGOTE_INIT_IS_BROKER,
    HOSTILE_ZYGOTE_INIT_IS_ITSELF,
    HOSTILE_ZYGOTE_INIT_IS_STRANGER, /* another child of the broker */
    HOSTILE_ZYGOTE_HELLO_TWICE,
    HOSTILE_ZYGOTE_LOGS,
    HOSTILE_ZYGOTE_FLOODS,
    HOSTILE_ZYGOTE_DIES_AFTER_HELLO,
    HOSTILE_ZYGOTE_NEVER_FORKS,
    HOSTILE_ZYGOTE_DIES_INSTEAD_OF_FORKING,
    HOSTILE_ZYGOTE_FORKED_ONE,
    HOSTILE_ZYGOTE_FORKED_BROKER,
    HOSTILE_ZYGOTE_FORKED_ITSELF,
    HOSTILE_ZYGOTE_FORKED_GRANDCHILD,
    HOSTILE_ZYGOTE_FORKED_STRANGER,
    HOSTILE_ZYGOTE_FORKED_TWIN, /* the pid of the first one again and again */
    HOSTILE_ZYGOTE_FORKED_UNASKED,
    HOSTILE_ZYGOTE_FORKED_THEN_FAILED, /* a fork that worked, followed by its failure */
    HOSTILE_ZYGOTE_FORK_FAILS,
    HOSTILE_ZYGOTE_GREETS_FOR_IT, /* hello on the channel of a renderer that was never forked */
    HOSTILE_ZYGOTE_RENDERER_SILENT,
    HOSTILE_ZYGOTE_RENDERER_EXITS,
    HOSTILE_ZYGOTE_RENDERER_WRONG_VERSION,
    HOSTILE_ZYGOTE_RENDERER_WRONG_ID,
    HOSTILE_ZYGOTE_RENDERER_DIES_AFTER_HELLO,
    HOSTILE_ZYGOTE_TALKS_FOR_THE_DEAD, /* keeps the renderer's end of the channel and goes on after its death */
    HOSTILE_ZYGOTE_COUNT,
};
enum { HOSTILE_ZYGOTE_SHIFT = 24 };

/* Ends with a NULL name. Beside those in renderer/attack/. */
extern const struct attack hostile_life_attacks[], hostile_warnings_attacks[], hostile_mutant_attacks[],
    hostile_talk_attacks[];

/* Takes fd. */
void hostile_init(struct attacker *self, int fd);
/* A renderer's life after its hello. Never returns. */
void hostile_live(struct attacker *self) __attribute__((noreturn));

/* The next message, or NULL when nothing came for timeout_ms (-1: for ever). Ends the process with the channel. */
struct channel_message *hostile_hear(struct attacker *self, int timeout_ms);

#endif
