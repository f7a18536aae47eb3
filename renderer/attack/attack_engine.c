/* An engine that attacks: opens "attack:NAME" and does what NAME says at the moment NAME wants. Stands where code of a
 * document's making would: on the paint thread of a real renderer, in a real cell, after every layer is in force. It
 * reads the session's private state (request ids, who holds which buffer), as such code could. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "renderer/attack/attacker.h"
#include "renderer/crash_handler.h"
#include "renderer/engine/engine.h"
#include "renderer/engine/engine_mupdf.h"
#include "renderer/engine/engine_scene.h"
#include "renderer/paint_thread_private.h"
#include "renderer/zygote.h"

static const char ATTACK_SCHEME[] = "attack:";
/* The session's number for what it tells of itself; what it measures before that is its own affair. */
enum { ATTACK_MEASURES_UNASKED = 1, ATTACK_PAINT_POLLS = 50 };

struct engine_document {
    struct attacker self;
    unsigned measures, paints;
    bool has_lived;                                           /* ATTACK_WHEN_LIVE was offered */
    char seen_early[sizeof(((struct attacker *)NULL)->seen)]; /* at a measure that the attempt answered itself */
};

static const struct attack *const attack_tables[] = {
    attack_talk, attack_frames, attack_life, attack_syscalls, attack_deaths, attack_fds, attack_shared,
};

static const char *attack_engine_version(void)
{
    return "attacks " BULKHEAD_VERSION;
}

static int attack_engine_warm_up(void)
{
    return 0;
}

static bool attack_engine_accepts(const struct engine_source *source)
{
    return strncmp(source->url, ATTACK_SCHEME, sizeof(ATTACK_SCHEME) - 1) == 0;
}

static const struct attack *attack_engine_find(const char *name)
{
    for (size_t i = 0; i < sizeof(attack_tables) / sizeof(attack_tables[0]); i++)
        for (const struct attack *attack = attack_tables[i]; attack->name; attack++)
            if (strcmp(attack->name, name) == 0)
                return attack;
    return NULL;
}

static const struct attack_call *attack_engine_find_call(const char *name)
{
    for (const struct attack_call *call = attack_calls; call->name; call++)
        if (strcmp(call->name, name) == 0)
            return call;
    return NULL;
}

/* What the session knows by now. */
static void attack_engine_learn(struct attacker *self)
{
    const struct paint_thread *thread = self->thread;

    self->memory = thread->target.memory;
    self->geometry = thread->target.geometry;
    self->generation = thread->target.generation;
    if (self->sequence < thread->sequence)
        self->sequence = thread->sequence;
}

/* Where an honest word may follow, returns; else there is nothing left but to wait for the end. */
static void attack_engine_strike(struct attacker *self, enum attack_moment moment)
{
    const struct attack *attack = attack_engine_find(self->attack);

    if (attack == NULL || attack->moment != moment)
        return;
    attack_engine_learn(self);
    if (!attack->run(self))
        attacker_sleep();
}

/* Another renderer's number, if there is one: 1 is the init, 2 was the zygote's rehearsal, 3 is the first renderer. */
static pid_t attack_engine_sibling(void)
{
    enum { FIRST_RENDERER = 3 };

    return getpid() == FIRST_RENDERER ? FIRST_RENDERER + 1 : FIRST_RENDERER;
}

static void attack_engine_call(struct attacker *self)
{
    const struct attack_call *call = attack_engine_find_call(self->attack);

    if (call == NULL)
        return;
    uintptr_t a[6];
    memcpy(a, call->arguments, sizeof(a));
    for (size_t i = 0; i < sizeof(call->sibling) / sizeof(call->sibling[0]); i++)
        if (call->sibling[i] != 0)
            a[call->sibling[i] - 1] = (uintptr_t)attack_engine_sibling();
    long result = syscall(call->number, a[0], a[1], a[2], a[3], a[4], a[5]);
    attacker_note(self, result, errno);
}

static int attack_engine_open(const struct engine_source *source, struct engine_document **ret_document,
                              struct engine_error *error)
{
    const char *name = source->url + sizeof(ATTACK_SCHEME) - 1;
    struct engine_document *document;
    struct paint_thread *thread = source->host->session;

    if (attack_engine_find(name) == NULL && attack_engine_find_call(name) == NULL) {
        error->code = BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT;
        snprintf(error->detail, sizeof(error->detail), "no attempt of this name");
        return -1;
    }
    document = calloc(1, sizeof(*document));
    if (document == NULL) {
        error->code = BULKHEAD__ERROR__CODE__OUT_OF_MEMORY;
        return -1;
    }
    struct attacker *self = &document->self;
    self->fd = ZYGOTE_CHANNEL_FD;
    self->record = crash_handler_record();
    self->thread = thread;
    self->shared_fd = source->shared_fd;
    self->navigate_id = thread->current_id;
    snprintf(self->attack, sizeof(self->attack), "%s", name);
    attack_engine_call(self);
    attack_engine_strike(self, ATTACK_AT_NAVIGATE);
    *ret_document = document;
    return 0;
}

static void attack_engine_close(struct engine_document *document)
{
    free(document);
}

static int attack_engine_info(struct engine_document *document, struct engine_info *ret_info,
                              struct engine_error *error)
{
    (void)error;
    *ret_info = (struct engine_info){.page_count = ATTACKER_PAGES};
    snprintf(ret_info->format, sizeof(ret_info->format), "attack");
    snprintf(ret_info->title, sizeof(ret_info->title), "%s", document->self.seen);
    document->self.seen[0] = '\0'; /* told */
    return 0;
}

static int attack_engine_measure(struct engine_document *document, uint32_t page, struct engine_bounds *ret_bounds,
                                 struct engine_error *error)
{
    struct attacker *self = &document->self;
    const struct paint_thread *thread = self->thread;

    if (document->measures++ >= ATTACK_MEASURES_UNASKED) {
        self->measure_id = thread->current_id;
        self->page = page;
        if (!document->has_lived)
            attack_engine_strike(self, ATTACK_WHEN_LIVE);
        document->has_lived = true;
        attack_engine_strike(self, ATTACK_AT_MEASURE);
    }
    if (self->seen[0] != '\0') {
        snprintf(document->seen_early, sizeof(document->seen_early), "%s", self->seen);
        error->code = BULKHEAD__ERROR__CODE__UNKNOWN;
        return -1; /* of a request that has its answer */
    }
    *ret_bounds = (struct engine_bounds){0, 0, 16, 16};
    return 0;
}

/* A paint long enough for the main thread to look after it, which it does about every 50 ms. */
static void attack_engine_linger(const struct attacker *self)
{
    const struct attack *attack = attack_engine_find(self->attack);
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};

    for (int i = 0; attack && attack->moment == ATTACK_WHILE_PAINTING && i < ATTACK_PAINT_POLLS; i++)
        ppoll(NULL, 0, &nap, NULL);
}

static int attack_engine_paint(struct engine_document *document, const struct engine_paint *paint,
                               struct engine_damage *ret_damage, struct engine_error *error)
{
    struct attacker *self = &document->self;
    const struct paint_thread *thread = self->thread;

    self->paint_id = thread->current_id;
    self->page = paint->page;
    snprintf(self->seen, sizeof(self->seen), "%s", document->paints++ > 0 ? document->seen_early : "");
    attack_engine_strike(self, ATTACK_AT_PAINT);
    attack_engine_linger(self);
    /* What was seen by now has no title to go in. */
    if (self->seen[0] != '\0') {
        error->code = BULKHEAD__ERROR__CODE__UNKNOWN;
        snprintf(error->detail, sizeof(error->detail), "%s", self->seen);
        return -1;
    }
    memset(paint->pixels, 0x80, (size_t)paint->stride_bytes * paint->height_px);
    ret_damage->count = 0;
    return 0;
}

static void attack_engine_poll_progress(struct engine_document *document, uint32_t *ret_done, uint32_t *ret_total)
{
    struct attacker *self = &document->self;
    const struct attack *attack = attack_engine_find(self->attack);

    *ret_done = *ret_total = 0;
    if (attack && attack->moment == ATTACK_WHILE_PAINTING)
        attack->run(self);
}

static const struct engine attack_engine = {
    .name = "attack",
    .version = attack_engine_version,
    .warm_up = attack_engine_warm_up,
    .accepts = attack_engine_accepts,
    .open = attack_engine_open,
    .close = attack_engine_close,
    .info = attack_engine_info,
    .measure = attack_engine_measure,
    .paint = attack_engine_paint,
    .poll_progress = attack_engine_poll_progress,
};

const struct engine *const engines[] = {&attack_engine, &engine_scene, &engine_mupdf, NULL};
