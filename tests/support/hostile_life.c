/* Misbehaviour that takes a renderer without a cell: its own way with signals, with the channel, with its end. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/hostile.h"

static bool stops_reading(struct attacker *self)
{
    attacker_say_info(self, self->navigate_id, ATTACKER_PAGES, "", 0);
    attacker_sleep();
}

static void ask_for(struct attacker *self, const void *path, size_t path_bytes)
{
    static uint64_t id;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__OpenFile order = BULKHEAD__OPEN_FILE__INIT;
    order.path = codec_bytes(path, path_bytes);
    envelope.request_id = ++id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_OPEN_FILE;
    envelope.open_file = &order;
    attacker_say(self, &envelope);
}

static void hear_answer(struct attacker *self)
{
    for (int i = 0; i < 100; i++) {
        struct channel_message *message = hostile_hear(self, 2000);
        if (message == NULL || message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_OPEN_FILE_REPLY)
            return;
        if (message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PING)
            attacker_say_pong(self, message->to_renderer->request_id);
    }
}

static bool asks_beyond(struct attacker *self)
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

static bool asks_too_long(struct attacker *self)
{
    char path[LIMIT_PATH_BYTES + 1];
    memset(path, 'a', sizeof path);
    ask_for(self, path, sizeof path);
    return false;
}

static bool asks_often(struct attacker *self)
{
    for (int i = 0; i < 1500; i++) {
        ask_for(self, "neighbour", 9);
        hear_answer(self);
    }
    return true;
}

static bool asks_and_leaves_it(struct attacker *self)
{
    for (int i = 0; i < 250; i++)
        ask_for(self, "neighbour", 9);
    attacker_sleep();
}

static void die_of(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    _exit(1);
}

static bool record_absurd(struct attacker *self)
{
    attacker_forge(self, CRASH_SIGNAL, SIGSEGV)->frame_count = 1u << 31;
    die_of(SIGSEGV);
    return false;
}

static bool record_other_signal(struct attacker *self)
{
    attacker_forge(self, CRASH_SIGNAL, SIGFPE)->fault_address = 0xdead;
    die_of(SIGSEGV);
    return false;
}

static bool record_syscall(struct attacker *self)
{
    struct crash_record *record = attacker_forge(self, CRASH_SYSCALL, SIGSYS);
    record->syscall_number = INT32_MIN;
    record->syscall_arch = UINT32_MAX;
    memset(record->syscall_arguments, 0xff, sizeof record->syscall_arguments);
    die_of(SIGSYS);
    return false;
}

static bool record_wild_frames(struct attacker *self)
{
    struct crash_record *record = attacker_forge(self, CRASH_SIGNAL, SIGSEGV);
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

/* Everything it can put into a report of its end, as a terminal would obey it. */
static bool obeyed_by_terminals(struct attacker *self)
{
    static const char title[] = "\033[31mtitle-of-the-document", format[] = "\033]0;format\007\xe2\x80\xae";
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__DocumentInfo info = BULKHEAD__DOCUMENT_INFO__INIT;
    info.format = codec_bytes(format, sizeof format - 1);
    info.title = codec_bytes(title, sizeof title - 1);
    info.page_count = 1;
    envelope.request_id = self->navigate_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO;
    envelope.document_info = &info;
    attacker_say(self, &envelope);
    struct crash_record *record = attacker_forge(self, CRASH_SIGNAL, SIGSEGV);
    strcpy(record->note, "\033[2J\rnote\n\x9b");
    memcpy(record->code_bytes, "\033[2J", 4);
    record->code_count = 4;
    die_of(SIGSEGV);
    return false;
}

static bool dies_of_sigterm(struct attacker *self)
{
    (void)self;
    die_of(SIGTERM);
    return false;
}

static bool stops_itself(struct attacker *self)
{
    (void)self;
    raise(SIGSTOP);
    attacker_sleep();
}

static bool sleeps(struct attacker *self)
{
    (void)self;
    attacker_sleep();
}

/* Silent until it is asked for its stack, which is to say: until it is as good as dead. */
static bool answers_when_condemned(struct attacker *self)
{
    sigset_t set;
    int number;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigwait(&set, &number);
    attacker_say_info(self, self->navigate_id, ATTACKER_PAGES, "", 0);
    attacker_sleep();
}

static bool closes_channel(struct attacker *self)
{
    close(self->fd);
    attacker_sleep();
}

static bool shuts_its_mouth(struct attacker *self)
{
    shutdown(self->fd, SHUT_WR);
    attacker_sleep();
}

static bool shuts_its_ears(struct attacker *self)
{
    shutdown(self->fd, SHUT_RD);
    attacker_sleep();
}

/* Deaf to the request to go. */
static bool stays(struct attacker *self)
{
    attacker_say_info(self, self->navigate_id, ATTACKER_PAGES, "", 0);
    for (;;) {
        struct channel_message *message = hostile_hear(self, -1);
        if (message != NULL && message->to_renderer->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PING)
            attacker_say_pong(self, message->to_renderer->request_id);
    }
    return false;
}

static bool pushes_fds(struct attacker *self)
{
    int result = attacker_push_fds(self, STDERR_FILENO, 3);
    if (result < 0)
        _exit(result == -EPERM ? ATTACKER_KERNEL_REFUSED : 1);
    return false;
}

/* Every frame comes as one of the memory before; the first ever has none before it. */
static bool generation_past(struct attacker *self)
{
    if (self->generation <= 1)
        return true;
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.generation = self->generation - 1;
    attacker_say_frame(self, self->paint_id, &ready);
    return false;
}

const struct attack hostile_life_attacks[] = {
    {"stops-reading", ATTACK_AT_NAVIGATE, stops_reading},
    {"pushes-fds", ATTACK_AT_NAVIGATE, pushes_fds},
    {"generation-past", ATTACK_AT_PAINT, generation_past},
    {"asks-beyond", ATTACK_AT_NAVIGATE, asks_beyond},
    {"asks-too-long", ATTACK_AT_NAVIGATE, asks_too_long},
    {"asks-often", ATTACK_AT_NAVIGATE, asks_often},
    {"asks-and-leaves-it", ATTACK_AT_NAVIGATE, asks_and_leaves_it},
    {"record-absurd", ATTACK_AT_NAVIGATE, record_absurd},
    {"record-other-signal", ATTACK_AT_NAVIGATE, record_other_signal},
    {"record-syscall", ATTACK_AT_NAVIGATE, record_syscall},
    {"record-wild-frames", ATTACK_AT_NAVIGATE, record_wild_frames},
    {"obeyed-by-terminals", ATTACK_AT_NAVIGATE, obeyed_by_terminals},
    {"dies-of-sigterm", ATTACK_AT_NAVIGATE, dies_of_sigterm},
    {"stops-itself", ATTACK_AT_NAVIGATE, stops_itself},
    {"sleeps", ATTACK_AT_NAVIGATE, sleeps},
    {"answers-when-condemned", ATTACK_AT_NAVIGATE, answers_when_condemned},
    {"closes-channel", ATTACK_AT_NAVIGATE, closes_channel},
    {"shuts-its-mouth", ATTACK_AT_NAVIGATE, shuts_its_mouth},
    {"shuts-its-ears", ATTACK_AT_NAVIGATE, shuts_its_ears},
    {"stays", ATTACK_AT_NAVIGATE, stays},
    {0},
};
