/* hostile.h - a renderer that is somebody else's by now: it speaks the real protocol, without a cell, and misbehaves as
 * the document asks ("about:NAME", or the first word of a file).
 *
 * hostile.c is the honest part: it greets, answers, paints. hostile_talk.c, hostile_frames.c and hostile_life.c
 * hold one function per misbehaviour. Every process of it ends by itself after HOSTILE_LIFE_S, whatever the broker
 * does.
 */
#ifndef BULKHEAD_TESTS_HOSTILE_H
#define BULKHEAD_TESTS_HOSTILE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/crash_record.h"
#include "common/frame_layout.h"

enum {
    HOSTILE_LIFE_S = 60,
    HOSTILE_PAGES = 8,
    HOSTILE_KERNEL_REFUSED = 42, /* exit status: the kernel did not let it push fds */
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

struct hostile {
    int fd; // of `channel`
    struct channel *channel;
    struct crash_record *record;
    uint32_t id;
    uint64_t navigate_id, measure_id, paint_id;
    char attack[64];
    /* frames */
    struct frame_geometry geometry;
    uint8_t *memory;
    uint32_t generation, sequence, page, frames_per_second;
    uint32_t busy; // one bit for each buffer the broker has
};

enum hostile_moment { HOSTILE_AT_NAVIGATE, HOSTILE_WHEN_LIVE, HOSTILE_AT_MEASURE, HOSTILE_AT_PAINT };

struct hostile_attack {
    const char *name;
    enum hostile_moment moment;
    /* Does it. True when the honest behaviour of that moment is to follow. */
    bool (*run)(struct hostile *self);
};

/* Each ends with a NULL name. */
extern const struct hostile_attack hostile_talk_attacks[], hostile_frame_attacks[], hostile_life_attacks[];

/* Takes fd. */
void hostile_init(struct hostile *self, int fd);
/* A renderer's life after its hello. Never returns. */
void hostile_live(struct hostile *self) __attribute__((noreturn));

/* The next message, or NULL when nothing came for timeout_ms (-1: for ever). Ends the process with the channel. */
struct channel_message *hostile_hear(struct hostile *self, int timeout_ms);

/* Packs and sends it alone in a packet; sent_ns is filled in unless it is set. False if the socket takes no more. */
bool hostile_say(struct hostile *self, Bulkhead__ToBroker *envelope);
void hostile_say_hello(struct hostile *self, uint32_t version, uint32_t id, int32_t init_pid);
void hostile_say_info(struct hostile *self, uint64_t request_id, uint32_t pages, const char *title, size_t title_bytes);
void hostile_say_page(struct hostile *self, uint64_t request_id, uint32_t page, float width_pt);
void hostile_say_pong(struct hostile *self, uint64_t request_id);
bool hostile_say_log(struct hostile *self, const void *text, size_t text_bytes);
/* A frame of the buffer and everything else as it ought to be. */
Bulkhead__FrameReady hostile_frame(struct hostile *self, uint32_t buffer);
void hostile_say_frame(struct hostile *self, uint64_t request_id, Bulkhead__FrameReady *ready);
/* Any bytes as one packet. */
bool hostile_send(struct hostile *self, const void *data, size_t size_bytes);

/* Sleeps until it is killed. */
void hostile_sleep(void) __attribute__((noreturn));

#endif
