/* Misbehaviour in living and ending: floods, noise, exits, forged last words. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "renderer/attack/attacker.h"

enum { FLOOD_MESSAGES = 200 * 1000, JUNK_BYTES = 2 * 1000 * 1000 };

static bool flood(struct attacker *self)
{
    for (int i = 0; i < FLOOD_MESSAGES && attacker_say_log(self, "x", 1); i++)
        ;
    return false;
}

/* What a burst looks like when its writer dies right behind it: no flood, for nobody is left to go on. */
static bool burst_and_exit(struct attacker *self)
{
    for (int i = 0; i < 2500; i++)
        attacker_say_log(self, "last words", 10);
    _exit(9);
}

static bool log_flood(struct attacker *self)
{
    char text[LIMIT_LOG_TEXT_BYTES];
    memset(text, 033, sizeof text);
    for (int i = 0; i < 500; i++)
        attacker_say_log(self, text, sizeof text);
    return true;
}

static bool junk_on_stdio(struct attacker *self)
{
    (void)self;
    char junk[4096];
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof junk; i++)
        junk[i] = (char)((state = state * 1664525 + 1013904223) >> 24);
    for (int i = 0; i < JUNK_BYTES / (int)sizeof junk; i++)
        if (write(i % 2 ? STDOUT_FILENO : STDERR_FILENO, junk, sizeof junk) < 0)
            break;
    return true;
}

static bool exits_0(struct attacker *self)
{
    (void)self;
    _exit(0);
}

static bool exits_86(struct attacker *self)
{
    (void)self;
    _exit(86);
}

static bool exits_86_forged(struct attacker *self)
{
    attacker_forge(self, CRASH_OUT_OF_MEMORY, 0)->requested_bytes = UINT64_MAX;
    memset(self->record->note, 033, sizeof self->record->note);
    _exit(86);
}

static bool record_then_exit(struct attacker *self)
{
    attacker_forge(self, CRASH_SIGNAL, SIGSEGV);
    _exit(0);
}

const struct attack attack_life[] = {
    {"flood", ATTACK_AT_NAVIGATE, flood},
    {"burst-and-exit", ATTACK_AT_NAVIGATE, burst_and_exit},
    {"log-flood", ATTACK_AT_NAVIGATE, log_flood},
    {"junk-on-stdio", ATTACK_AT_NAVIGATE, junk_on_stdio},
    {"exits-0", ATTACK_AT_NAVIGATE, exits_0},
    {"exits-86", ATTACK_AT_NAVIGATE, exits_86},
    {"exits-86-forged", ATTACK_AT_NAVIGATE, exits_86_forged},
    {"record-then-exit", ATTACK_AT_NAVIGATE, record_then_exit},
    {0},
};
