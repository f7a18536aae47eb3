/* Misbehaviour in living and dying: floods, files, output, forged last words, silence. */
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/hostile.h"

enum { FLOOD_MESSAGES = 200 * 1000, JUNK_BYTES = 2 * 1000 * 1000 };

static bool flood(struct hostile *self)
{
    for (int i = 0; i < FLOOD_MESSAGES && hostile_say_log(self, "x", 1); i++)
        ;
    return false;
}

/* What a burst looks like when its writer dies right behind it: no flood, for nobody is left to go on. */
static bool burst_and_exit(struct hostile *self)
{
    for (int i = 0; i < 2500; i++)
        hostile_say_log(self, "last words", 10);
    _exit(9);
}

static bool log_flood(struct hostile *self)
{
    char text[LIMIT_LOG_TEXT_BYTES];
    memset(text, 033, sizeof text);
    for (int i = 0; i < 500; i++)
        hostile_say_log(self, text, sizeof text);
    return true;
}

static bool junk_on_stdio(struct hostile *self)
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

static bool stops_reading(struct hostile *self)
{
    hostile_say_info(self, self->navigate_id, HOSTILE_PAGES, "", 0);
    hostile_sleep();
}

static void ask_for(struct hostile *self, const void *path, size_t path_bytes)
{
    static uint64_t id;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__OpenFile order = BULKHEAD__OPEN_FILE__INIT;
    order.path = codec_bytes(path, path_bytes);
    envelope.request_id = ++id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_OPEN_FILE;
    envelope.open_file = &order;
    hostile_say(self, &envelope);
}

static void hear_answer(struct hostile *self)
{
    for (int i = 0; i < 100; i++) {
        struct channel_message *message = hostile_hear(self, 2000);
        if (message == NULL || message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_OPEN_FILE_REPLY)
            return;
        if (message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PING)
            hostile_say_pong(self, message->to_renderer->request_id);
    }
}

static bool asks_beyond(struct hostile *self)
{
    static const struct {
        const char *path;
        size_t bytes;
    } paths[] = {
        {"../../../../etc/passwd", 22},
        {"/etc/passwd", 11},
        {"..", 2},
        {".", 1},
        {"a\0b", 3},
        {"", 0},
        {"link", 4},
        {"pipe", 4},
        {"\033[2J\n\xff", 6},
        {"neighbour", 9},
        {"sub/../neighbour", 16},
        {"/proc/self/fd/3", 15},
        {"loop/loop", 9},
        {"neighbour/", 10},
    };
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        ask_for(self, paths[i].path, paths[i].bytes);
        hear_answer(self);
    }
    return true;
}

static bool asks_too_long(struct hostile *self)
{
    char path[LIMIT_PATH_BYTES + 1];
    memset(path, 'a', sizeof path);
    ask_for(self, path, sizeof path);
    return false;
}

static bool asks_often(struct hostile *self)
{
    for (int i = 0; i < 1500; i++) {
        ask_for(self, "neighbour", 9);
        hear_answer(self);
    }
    return true;
}

static bool asks_and_leaves_it(struct hostile *self)
{
    for (int i = 0; i < 250; i++)
        ask_for(self, "neighbour", 9);
    hostile_sleep();
}

static bool exits_0(struct hostile *self)
{
    (void)self;
    _exit(0);
}

static bool exits_86(struct hostile *self)
{
    (void)self;
    _exit(86);
}

static void die_of(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    _exit(1);
}

static struct crash_record *forge(struct hostile *self, enum crash_kind kind, int number)
{
    struct crash_record *record = self->record;
    record->version = CRASH_RECORD_VERSION;
    record->kind = kind;
    record->signal = number;
    record->magic = CRASH_RECORD_MAGIC;
    return record;
}

static bool exits_86_forged(struct hostile *self)
{
    forge(self, CRASH_OUT_OF_MEMORY, 0)->requested_bytes = UINT64_MAX;
    memset(self->record->note, 033, sizeof self->record->note);
    _exit(86);
}

static bool record_absurd(struct hostile *self)
{
    forge(self, CRASH_SIGNAL, SIGSEGV)->frame_count = 1u << 31;
    die_of(SIGSEGV);
    return false;
}

static bool record_other_signal(struct hostile *self)
{
    forge(self, CRASH_SIGNAL, SIGFPE)->fault_address = 0xdead;
    die_of(SIGSEGV);
    return false;
}

static bool record_syscall(struct hostile *self)
{
    struct crash_record *record = forge(self, CRASH_SYSCALL, SIGSYS);
    record->syscall_number = INT32_MIN;
    record->syscall_arch = UINT32_MAX;
    memset(record->syscall_arguments, 0xff, sizeof record->syscall_arguments);
    die_of(SIGSYS);
    return false;
}

static bool record_wild_frames(struct hostile *self)
{
    struct crash_record *record = forge(self, CRASH_SIGNAL, SIGSEGV);
    record->frame_count = CRASH_FRAMES;
    record->register_count = CRASH_REGISTERS;
    record->code_count = CRASH_CODE_BYTES;
    record->stack_count = CRASH_STACK_BYTES;
    record->stack_start = UINT64_MAX - 8;
    for (size_t i = 0; i < CRASH_FRAMES; i++)
        record->frames[i] = i % 2 ? UINT64_MAX - i : i;
    memset(record->registers, 0xff, sizeof record->registers);
    memset(record->stack, 0xff, sizeof record->stack);
    memset(record->note, 033, sizeof record->note);
    die_of(SIGSEGV);
    return false;
}

static bool record_then_exit(struct hostile *self)
{
    forge(self, CRASH_SIGNAL, SIGSEGV);
    _exit(0);
}

static bool dies_of_sigterm(struct hostile *self)
{
    (void)self;
    die_of(SIGTERM);
    return false;
}

static bool stops_itself(struct hostile *self)
{
    (void)self;
    raise(SIGSTOP);
    hostile_sleep();
}

static bool sleeps(struct hostile *self)
{
    (void)self;
    hostile_sleep();
}

static bool closes_channel(struct hostile *self)
{
    close(self->fd);
    hostile_sleep();
}

static bool shuts_its_mouth(struct hostile *self)
{
    shutdown(self->fd, SHUT_WR);
    hostile_sleep();
}

static bool shuts_its_ears(struct hostile *self)
{
    shutdown(self->fd, SHUT_RD);
    hostile_sleep();
}

/* Deaf to the request to go. */
static bool stays(struct hostile *self)
{
    hostile_say_info(self, self->navigate_id, HOSTILE_PAGES, "", 0);
    for (;;) {
        struct channel_message *message = hostile_hear(self, -1);
        if (message != NULL && message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PING)
            hostile_say_pong(self, message->to_renderer->request_id);
    }
    return false;
}

const struct hostile_attack hostile_life_attacks[] = {
    {"flood", HOSTILE_AT_NAVIGATE, flood},
    {"burst-and-exit", HOSTILE_AT_NAVIGATE, burst_and_exit},
    {"log-flood", HOSTILE_AT_NAVIGATE, log_flood},
    {"junk-on-stdio", HOSTILE_AT_NAVIGATE, junk_on_stdio},
    {"stops-reading", HOSTILE_AT_NAVIGATE, stops_reading},
    {"asks-beyond", HOSTILE_AT_NAVIGATE, asks_beyond},
    {"asks-too-long", HOSTILE_AT_NAVIGATE, asks_too_long},
    {"asks-often", HOSTILE_AT_NAVIGATE, asks_often},
    {"asks-and-leaves-it", HOSTILE_AT_NAVIGATE, asks_and_leaves_it},
    {"exits-0", HOSTILE_AT_NAVIGATE, exits_0},
    {"exits-86", HOSTILE_AT_NAVIGATE, exits_86},
    {"exits-86-forged", HOSTILE_AT_NAVIGATE, exits_86_forged},
    {"record-absurd", HOSTILE_AT_NAVIGATE, record_absurd},
    {"record-other-signal", HOSTILE_AT_NAVIGATE, record_other_signal},
    {"record-syscall", HOSTILE_AT_NAVIGATE, record_syscall},
    {"record-wild-frames", HOSTILE_AT_NAVIGATE, record_wild_frames},
    {"record-then-exit", HOSTILE_AT_NAVIGATE, record_then_exit},
    {"dies-of-sigterm", HOSTILE_AT_NAVIGATE, dies_of_sigterm},
    {"stops-itself", HOSTILE_AT_NAVIGATE, stops_itself},
    {"sleeps", HOSTILE_AT_NAVIGATE, sleeps},
    {"closes-channel", HOSTILE_AT_NAVIGATE, closes_channel},
    {"shuts-its-mouth", HOSTILE_AT_NAVIGATE, shuts_its_mouth},
    {"shuts-its-ears", HOSTILE_AT_NAVIGATE, shuts_its_ears},
    {"stays", HOSTILE_AT_NAVIGATE, stays},
    {0},
};
