/* attacker.h - a renderer that is somebody else's by now: what it knows of the process it took over, and its voice.
 *
 * Linked into bulkhead-attacker (inside a real cell, behind the engine seam: attack_engine.c) and into the tests'
 * hostile-renderer (without a cell), never into bulkhead-renderer. The voice writes any bytes it likes to the socket
 * and needs no system call that the policy refuses.
 */
#ifndef BULKHEAD_ATTACKER_H
#define BULKHEAD_ATTACKER_H

#include <stdbool.h>
#include <stdint.h>

#include "common/channel.h"
#include "common/crash_record.h"
#include "common/frame_layout.h"

enum {
    ATTACKER_PAGES = 8,
    ATTACKER_KERNEL_REFUSED = 42, /* exit status of the tests' renderer: the kernel did not let it push fds */
};

struct attacker {
    int fd;                  // the socket
    struct channel *channel; // the tests' renderer's own, on fd; NULL in a cell
    struct crash_record *record;
    uint32_t id;
    uint64_t navigate_id, measure_id, paint_id;
    char attack[64];
    char seen[128]; // what the attempt saw, for the title: "EACCES"; "" = nothing to tell
    void *thread;   // struct paint_thread, in a cell
    int shared_fd;  // in a cell: its end of the memory that two pages share, or -1
    /* frames */
    struct frame_geometry geometry;
    uint8_t *memory;
    uint32_t generation, sequence, page, frames_per_second;
    uint32_t busy; // one bit for each buffer the broker has
};

enum attack_moment {
    ATTACK_AT_NAVIGATE,
    ATTACK_WHEN_LIVE,
    ATTACK_AT_MEASURE,
    ATTACK_AT_PAINT,
    ATTACK_WHILE_PAINTING, /* on the main thread, which looks after a paint that takes long */
};

struct attack {
    const char *name;
    enum attack_moment moment;
    /* Does it. True when the honest behaviour of that moment is to follow. */
    bool (*run)(struct attacker *self);
};

/* A forbidden call as plain data; made at ATTACK_AT_NAVIGATE. */
struct attack_call {
    const char *name;
    long number;
    uintptr_t arguments[6];
    unsigned sibling[2]; /* positions, from 1, of arguments that are to name another renderer; 0 = no more */
};

/* Each ends with a NULL name. The last two lines make sense in a cell only. */
extern const struct attack attack_talk[], attack_frames[], attack_life[];
extern const struct attack attack_syscalls[], attack_deaths[], attack_fds[], attack_shared[];
extern const struct attack_call attack_calls[];

/* Notes how a call ended: "EACCES", or "succeeded (3)". */
void attacker_note(struct attacker *self, long result, int error);

/* Packs and sends it alone in a packet; sent_ns is filled in unless it is set. False if the socket takes no more. */
bool attacker_say(struct attacker *self, Bulkhead__ToBroker *envelope);
void attacker_say_hello(struct attacker *self, uint32_t version, uint32_t id, int32_t init_pid);
void attacker_say_info(struct attacker *self, uint64_t request_id, uint32_t pages, const char *title,
                       size_t title_bytes);
void attacker_say_page(struct attacker *self, uint64_t request_id, uint32_t page, float width_pt);
void attacker_say_pong(struct attacker *self, uint64_t request_id);
bool attacker_say_log(struct attacker *self, const void *text, size_t text_bytes);
/* A frame of the buffer and everything else as it ought to be. */
Bulkhead__FrameReady attacker_frame(struct attacker *self, uint32_t buffer);
void attacker_say_frame(struct attacker *self, uint64_t request_id, Bulkhead__FrameReady *ready);
/* Any bytes as one packet. */
bool attacker_send(struct attacker *self, const void *data, size_t size_bytes);
/* Sends count copies of an fd along with a message; 0 or -errno. */
int attacker_push_fds(struct attacker *self, int fd, unsigned count);

/* Writes a credible record of this kind, over whatever is there. */
struct crash_record *attacker_forge(struct attacker *self, enum crash_kind kind, int number);

/* Sleeps until it is killed. */
void attacker_sleep(void) __attribute__((noreturn));

#endif
