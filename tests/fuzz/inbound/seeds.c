#include "tests/fuzz/inbound/seeds.h"

#include <signal.h>

#include "common/crash_record.h"
#include "tests/fuzz/inbound/operations.h"

#define PUT(seed, ...) wire_raw(seed, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

/* The choices of messages.c that these scripts make. */
enum {
    BIRTH_LIVES = 1,
    BIRTH_EXITS = 0,
    BEGINS_HONESTLY = 1,
    PAGE_OF_FRAME = 1,    /* of an answer */
    ANSWER_PAGE_INFO = 0, /* of an answer */
    AS_IT_IS = 0,         /* a field of an answer */
    SOMETHING_ELSE = 3,   /* a field of an answer, and then its value */
    LIVE_NUMBER = 1,      /* an id, and then which number */
    ITSELF = 13,          /* the number is this one */
    PATH_STYLE = 0,
    PATH_INNER = 1,
    PATH_OUTSIDE = 2,
    PATH_ABSOLUTE = 3,
    PATH_LINK = 4,
    SIGNAL_KILL = 0, /* of an end */
    SIGNAL_SEGV = 1,
    SIGNAL_SYS = 3,
    SIGNAL_NONE = 0x20,
    CLOSES_CHANNEL = 0x80,
};

/* A live tab that waits for its first page, 20 x 20. */
static void begin(struct wire *seed, unsigned frames)
{
    PUT(seed, BIRTH_LIVES, BEGINS_HONESTLY, 0, 19, 19, (uint8_t)frames);
}

static void answer_frame(struct wire *seed)
{
    PUT(seed, OPERATION_ANSWER, PAGE_OF_FRAME, AS_IT_IS, AS_IT_IS, AS_IT_IS, AS_IT_IS);
}

static uint8_t index_of(unsigned type)
{
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(&codec_to_broker, types);

    for (size_t i = 0; i < count; i++)
        if (types[i] == type)
            return (uint8_t)i;
    return 0;
}

static void ask_for(struct wire *seed, uint8_t path)
{
    PUT(seed, OPERATION_SEND, index_of(BULKHEAD__TO_BROKER__MESSAGE_OPEN_FILE), LIVE_NUMBER, ITSELF, 0, 1, path);
}

/* A crash record without frames, registers and code, and what the kernel says of it. */
static void die(struct wire *seed, uint8_t kind, uint8_t signal_number, uint8_t code, uint8_t system_call, uint8_t end)
{
    PUT(seed, OPERATION_WRITE_RECORD, kind, signal_number, code, 0, system_call, 0, 0, 0);
    PUT(seed, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    PUT(seed, OPERATION_END, end);
}

/* Whoever broke a rule is being killed: this waits until it is dead. */
static void await_the_end(struct wire *seed)
{
    PUT(seed, OPERATION_END, SIGNAL_KILL);
}

/* Another takes its place before the tab hears of it. */
static void put_dead_at_birth(struct wire *seed)
{
    PUT(seed, BIRTH_EXITS, BEGINS_HONESTLY, 0, 19, 19, 0);
}

static void put_document(struct wire *seed)
{
    begin(seed, 0);
}

static void put_frame(struct wire *seed)
{
    begin(seed, 0);
    answer_frame(seed);
}

/* Painted, looked at and scribbled over at the same time. */
static void put_frames_of_a_scene(struct wire *seed)
{
    begin(seed, 1);
    answer_frame(seed);
    PUT(seed, OPERATION_ACT, ACT_BORROW);
    answer_frame(seed);
    PUT(seed, OPERATION_SCRIBBLE_FRAMES, 0, 0, 3, 0xff, 0xff, 0xff);
    PUT(seed, OPERATION_ACT, ACT_COPY);
    PUT(seed, OPERATION_ACT, ACT_RETURN);
    answer_frame(seed);
}

static void put_frame_of_another_size(struct wire *seed)
{
    put_frame(seed);
    PUT(seed, OPERATION_ACT, ACT_PAINT, 2, 39, 9, 0);
    answer_frame(seed);
}

static void put_frame_of_a_wrong_buffer(struct wire *seed)
{
    begin(seed, 0);
    PUT(seed, OPERATION_ANSWER, PAGE_OF_FRAME, AS_IT_IS, SOMETHING_ELSE, 77, AS_IT_IS, AS_IT_IS);
    await_the_end(seed);
}

static void put_bounds(struct wire *seed)
{
    put_frame(seed);
    PUT(seed, OPERATION_ACT, ACT_MEASURE, 2);
    PUT(seed, OPERATION_ANSWER, ANSWER_PAGE_INFO, AS_IT_IS);
}

static void put_bounds_of_another_page(struct wire *seed)
{
    put_frame(seed);
    PUT(seed, OPERATION_ACT, ACT_MEASURE, 2);
    PUT(seed, OPERATION_ANSWER, ANSWER_PAGE_INFO, SOMETHING_ELSE, 1);
    await_the_end(seed);
}

static void put_files(struct wire *seed)
{
    begin(seed, 0);
    ask_for(seed, PATH_STYLE);
    ask_for(seed, PATH_INNER);
    ask_for(seed, PATH_OUTSIDE);
    ask_for(seed, PATH_ABSOLUTE);
    ask_for(seed, PATH_LINK);
}

static void put_bytes_for_a_packet(struct wire *seed)
{
    begin(seed, 0);
    PUT(seed, OPERATION_SEND_RAW, 8, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3, 4);
    await_the_end(seed);
}

static void put_crash(struct wire *seed)
{
    put_frame(seed);
    die(seed, CRASH_SIGNAL, SIGSEGV, 1, 0, SIGNAL_SEGV);
}

static void put_crash_without_a_record(struct wire *seed)
{
    begin(seed, 0);
    PUT(seed, OPERATION_END, SIGNAL_SEGV);
}

static void put_forbidden_call(struct wire *seed)
{
    begin(seed, 0);
    die(seed, CRASH_SYSCALL, SIGSYS, 1, 41, SIGNAL_SYS);
}

static void put_record_that_contradicts_the_kernel(struct wire *seed)
{
    begin(seed, 0);
    die(seed, CRASH_SYSCALL, SIGSYS, 1, 41, SIGNAL_SEGV);
}

static void put_kill_from_outside(struct wire *seed)
{
    begin(seed, 0);
    PUT(seed, OPERATION_LOG, 5, 'h', 'e', 'l', 'l', 'o');
    PUT(seed, OPERATION_END, CLOSES_CHANNEL | SIGNAL_KILL);
}

static void put_reload_after_a_crash(struct wire *seed)
{
    put_crash(seed);
    PUT(seed, OPERATION_ACT, ACT_RELOAD, 0, 1);
    PUT(seed, OPERATION_ACT, ACT_INPUT);
    PUT(seed, OPERATION_ACT, ACT_CANCEL);
}

// clang-format off
static const struct seeds_entry entries[] = {
    {"dead-at-birth", put_dead_at_birth, {.births = 2, .infos = 1}},
    {"document", put_document, {.births = 1, .infos = 1}},
    {"frame", put_frame, {.births = 1, .infos = 1, .frames = 1}},
    {"frames-of-a-scene", put_frames_of_a_scene, {.births = 1, .infos = 1, .frames = 3}},
    {"frame-of-another-size", put_frame_of_another_size, {.births = 1, .infos = 1, .frames = 2}},
    {"frame-of-a-wrong-buffer", put_frame_of_a_wrong_buffer,
     {.births = 1, .infos = 1, .ends = {[EXIT_CAUSE_BAD_MESSAGE] = 1}}},
    {"bounds", put_bounds, {.births = 1, .infos = 1, .frames = 1, .bounds = 1}},
    {"bounds-of-another-page", put_bounds_of_another_page,
     {.births = 1, .infos = 1, .frames = 1, .ends = {[EXIT_CAUSE_BAD_MESSAGE] = 1}}},
    {"files", put_files, {.births = 1, .infos = 1, .granted = 2, .refused = 3}},
    {"bytes-for-a-packet", put_bytes_for_a_packet,
     {.births = 1, .infos = 1, .ends = {[EXIT_CAUSE_BAD_MESSAGE] = 1}}},
    {"crash", put_crash, {.births = 1, .infos = 1, .frames = 1, .ends = {[EXIT_CAUSE_CRASHED] = 1}}},
    {"crash-without-a-record", put_crash_without_a_record,
     {.births = 1, .infos = 1, .ends = {[EXIT_CAUSE_CRASHED] = 1}}},
    {"forbidden-call", put_forbidden_call,
     {.births = 1, .infos = 1, .ends = {[EXIT_CAUSE_SANDBOX_VIOLATION] = 1}}},
    {"record-that-contradicts-the-kernel", put_record_that_contradicts_the_kernel,
     {.births = 1, .infos = 1, .ends = {[EXIT_CAUSE_CRASHED] = 1}}},
    {"kill-from-outside", put_kill_from_outside,
     {.births = 1, .infos = 1, .ends = {[EXIT_CAUSE_UNEXPECTED_EXIT] = 1}}},
    {"reload-after-a-crash", put_reload_after_a_crash,
     {.births = 2, .infos = 1, .frames = 1, .ends = {[EXIT_CAUSE_CRASHED] = 1}}},
};
// clang-format on

const struct seeds_entry *seeds_at(size_t index)
{
    return index < sizeof(entries) / sizeof(entries[0]) ? &entries[index] : NULL;
}

void seeds_put_message(struct wire *seed, unsigned type)
{
    begin(seed, 0);
    PUT(seed, OPERATION_SEND, index_of(type), LIVE_NUMBER, ITSELF, 0);
    for (int i = 0; i < 40; i++) /* each field, with a number that is right just now */
        PUT(seed, 1, 1, 1);
}
