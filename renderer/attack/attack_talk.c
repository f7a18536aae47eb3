/* Misbehaviour in the conversation: states, ids, times, packets. */
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "renderer/attack/attacker.h"

static bool hello_again(struct attacker *self)
{
    attacker_say_hello(self, PROTOCOL_VERSION, self->id, 0);
    return false;
}

static bool says_forked(struct attacker *self)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Forked forked = BULKHEAD__FORKED__INIT;
    forked.renderer_id = self->id;
    forked.pid = getpid();
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_FORKED;
    envelope.forked = &forked;
    attacker_say(self, &envelope);
    return false;
}

static bool page_too_early(struct attacker *self)
{
    attacker_say_page(self, self->navigate_id, 0, 16);
    return false;
}

static bool frame_too_early(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    attacker_say_frame(self, self->navigate_id, &ready);
    return false;
}

static bool info_again(struct attacker *self)
{
    attacker_say_info(self, self->navigate_id, ATTACKER_PAGES, "", 0);
    return false;
}

static bool info_wrong_id(struct attacker *self)
{
    attacker_say_info(self, self->navigate_id + 50, ATTACKER_PAGES, "", 0);
    return false;
}

static bool info_no_pages(struct attacker *self)
{
    attacker_say_info(self, self->navigate_id, 0, "", 0);
    return false;
}

static bool info_million_pages(struct attacker *self)
{
    attacker_say_info(self, self->navigate_id, LIMIT_PAGES, "", 0);
    return false;
}

static bool info_too_many_pages(struct attacker *self)
{
    attacker_say_info(self, self->navigate_id, LIMIT_PAGES + 1, "", 0);
    return false;
}

static bool info_wild_title(struct attacker *self)
{
    static const char title[] = "a\033[2J\033]0;owned\007\0b\n\r\x7f\xc2\x9b"
                                "31m\xe2\x80\xae\"\\<\xff\xfe\xf0\x9f\x98\x80";
    attacker_say_info(self, self->navigate_id, ATTACKER_PAGES, title, sizeof title - 1);
    return false;
}

static void say_error(struct attacker *self, uint64_t request_id, size_t detail_bytes)
{
    static uint8_t detail[LIMIT_DETAIL_BYTES + 1];
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Error error = BULKHEAD__ERROR__INIT;
    memset(detail, 033, sizeof detail);
    error.code = BULKHEAD__ERROR__CODE__DAMAGED;
    error.detail = codec_bytes(detail, detail_bytes);
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ERROR;
    envelope.error = &error;
    attacker_say(self, &envelope);
}

static bool error_long(struct attacker *self)
{
    say_error(self, self->navigate_id, LIMIT_DETAIL_BYTES);
    return false;
}

static bool error_too_long(struct attacker *self)
{
    say_error(self, self->navigate_id, LIMIT_DETAIL_BYTES + 1);
    return false;
}

static bool error_of_future(struct attacker *self)
{
    say_error(self, self->navigate_id + 1000, 0);
    return false;
}

static bool error_of_nothing(struct attacker *self)
{
    say_error(self, 0, 0);
    return false;
}

static void say_progress(struct attacker *self, uint64_t request_id)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Progress progress = BULKHEAD__PROGRESS__INIT;
    progress.done = UINT32_MAX;
    progress.total = 1;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PROGRESS;
    envelope.progress = &progress;
    attacker_say(self, &envelope);
}

static bool progress_of_future(struct attacker *self)
{
    say_progress(self, self->navigate_id + 1000);
    return false;
}

static bool progress_wild(struct attacker *self)
{
    say_progress(self, self->navigate_id);
    return true;
}

static bool pong_unasked(struct attacker *self)
{
    attacker_say_pong(self, self->navigate_id);
    return false;
}

static bool crashing_hint(struct attacker *self)
{
    for (int i = 0; i < 100; i++) {
        Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
        Bulkhead__Crashing crashing = BULKHEAD__CRASHING__INIT;
        envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_CRASHING;
        envelope.crashing = &crashing;
        attacker_say(self, &envelope);
    }
    return true;
}

static bool say_progress_at(struct attacker *self, uint64_t sent_ns)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Progress progress = BULKHEAD__PROGRESS__INIT;
    envelope.request_id = self->navigate_id;
    envelope.sent_ns = sent_ns;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PROGRESS;
    envelope.progress = &progress;
    attacker_say(self, &envelope);
    return false;
}

static bool sent_in_future(struct attacker *self)
{
    return say_progress_at(self, clock_now_ns() + 1000000000);
}

static bool sent_at_end_of_time(struct attacker *self)
{
    return say_progress_at(self, UINT64_MAX);
}

static bool sent_before_birth(struct attacker *self)
{
    return say_progress_at(self, 1);
}

static bool say_handled(struct attacker *self, uint32_t type, uint64_t sent_ns, uint64_t start_ns, uint64_t end_ns)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Activity activity = BULKHEAD__ACTIVITY__INIT;
    Bulkhead__Handled handled = BULKHEAD__HANDLED__INIT, *list[] = {&handled};
    handled.type = type;
    handled.sent_ns = sent_ns;
    handled.start_ns = start_ns;
    handled.end_ns = end_ns;
    handled.label = codec_bytes("\"},{\033[31m\0x", 12);
    activity.n_handled = 1;
    activity.handled = list;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY;
    envelope.activity = &activity;
    attacker_say(self, &envelope);
    return false;
}

enum { PING = BULKHEAD__TO_RENDERER__MESSAGE_PING };

static bool activity_in_future(struct attacker *self)
{
    return say_handled(self, 0, 0, 1, UINT64_MAX);
}

static bool activity_backwards(struct attacker *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, 0, 0, now, now - 1);
}

static bool activity_before_sent(struct attacker *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, PING, now, now - 1, now);
}

static bool activity_before_birth(struct attacker *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, PING, 0, now, now);
}

static bool activity_unknown_type(struct attacker *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, 4000000000u, now, now, now);
}

static bool activity_wild_label(struct attacker *self)
{
    uint64_t now = clock_now_ns();
    say_handled(self, 0, 0, now, now);
    return true;
}

/* Wherever the broker shows a word of ours: the trace, the log twice over, the title. */
static bool wild_strings(struct attacker *self)
{
    static const char line[] = "\033]0;owned\007\033[2J\0\r\x9b"
                               "31m forged=\"line\"\n";
    activity_wild_label(self);
    attacker_say_log(self, line, sizeof line - 1);
    if (write(STDERR_FILENO, line, sizeof line - 1) < 0)
        return false;
    return info_wild_title(self);
}

static bool empty_packet(struct attacker *self)
{
    attacker_send(self, "", 0);
    return false;
}

static bool oversized_packet(struct attacker *self)
{
    static uint8_t packet[CHANNEL_PACKET_BYTES + 1];
    attacker_send(self, packet, sizeof packet);
    return false;
}

static bool oversized_message(struct attacker *self)
{
    attacker_send(self, "\xff\xff\xff\xff....", 8);
    return false;
}

static bool truncated_frame(struct attacker *self)
{
    attacker_send(self, "\x20\0\0\0abc", 7);
    return false;
}

static bool no_message(struct attacker *self)
{
    attacker_send(self, "\0\0\0\0", 4);
    return false;
}

static bool unknown_field(struct attacker *self)
{
    attacker_send(self, "\x03\0\0\0\xa0\x3f\x01", 7);
    return false;
}

/* Raw bytes of one envelope each, length first. */
#define RAW(function, bytes)                                                                                           \
    static bool function(struct attacker *self)                                                                        \
    {                                                                                                                  \
        attacker_send(self, bytes, sizeof(bytes) - 1);                                                                 \
        return false;                                                                                                  \
    }
RAW(truncated_field, "\x06\0\0\0\x92\x01\x03\x12\x05\x61") /* a log text of 5 bytes, of which there is one */
RAW(unknown_type, "\x03\0\0\0\xe2\x03\0")                  /* member 60 of the oneof */
RAW(doubled_field, "\x07\0\0\0\x10\x01\x10\x02\x92\x01\0") /* sent_ns twice */
RAW(two_messages, "\x06\0\0\0\x92\x01\0\x8a\x01\0")        /* log and pong in one envelope */
RAW(wrong_wire_type, "\x03\0\0\0\x0a\x01\x61")             /* request_id as bytes */
RAW(unknown_enum, "\x05\0\0\0\x92\x01\x02\x08\x09")        /* a log level of 9 */
RAW(overlong_number, "\x0e\0\0\0\x10\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x92\x01")
RAW(stride_lie, "\x04\0\0\0\x72\x02\x78\x01") /* frame_ready with a stride of its own */
RAW(area_lie, "\x0e\0\0\0\x72\x0c\x48\x80\x80\x80\x80\x08\x50\x80\x80\x80\x80\x08") /* 2^31 x 2^31 */
#undef RAW

/* A million empty elements, in packets as large as they may be. */
static bool many_elements(struct attacker *self)
{
    enum { ELEMENTS = 60000, HEAD = 9, PACKETS = 17 };
    static uint8_t packet[HEAD + 2 * ELEMENTS] = {0xc5, 0xd4, 0x01, 0x00, 0xa2, 0x01, 0xc0, 0xa9, 0x07};
    for (size_t i = HEAD; i < sizeof packet; i += 2)
        packet[i] = 0x0a;
    for (int i = 0; i < PACKETS && attacker_send(self, packet, sizeof packet); i++)
        ;
    return false;
}

/* A million of them again, and on for as long as it is let, in messages that have no more than they may. */
static bool elements_by_the_piece(struct attacker *self)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Activity activity = BULKHEAD__ACTIVITY__INIT;
    Bulkhead__Handled handled = BULKHEAD__HANDLED__INIT, *list[LIMIT_HANDLED];
    for (size_t i = 0; i < LIMIT_HANDLED; i++)
        list[i] = &handled;
    handled.start_ns = handled.end_ns = clock_now_ns();
    activity.n_handled = LIMIT_HANDLED;
    activity.handled = list;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY;
    envelope.activity = &activity;
    while (attacker_say(self, &envelope))
        ;
    return false;
}

/* Messages within messages, deeper than any of ours. */
static bool deep_nesting(struct attacker *self)
{
    enum { LEVELS = 50, HEAD = 7 };
    uint8_t packet[HEAD + 2 * LEVELS] = {HEAD - 4 + 2 * LEVELS, 0, 0, 0, 0xa2, 0x01, 2 * LEVELS};
    for (size_t i = 0; i < LEVELS; i++) {
        packet[HEAD + 2 * i] = 0x0a;
        packet[HEAD + 2 * i + 1] = (uint8_t)(2 * (LEVELS - 1 - i));
    }
    attacker_send(self, packet, sizeof packet);
    return false;
}

static bool exits_in_mid_message(struct attacker *self)
{
    truncated_frame(self);
    _exit(0);
}

const struct attack attack_talk[] = {
    {"hello-again", ATTACK_AT_NAVIGATE, hello_again},
    {"hello-while-live", ATTACK_WHEN_LIVE, hello_again},
    {"forked", ATTACK_AT_NAVIGATE, says_forked},
    {"page-too-early", ATTACK_AT_NAVIGATE, page_too_early},
    {"frame-too-early", ATTACK_AT_NAVIGATE, frame_too_early},
    {"info-again", ATTACK_WHEN_LIVE, info_again},
    {"info-wrong-id", ATTACK_AT_NAVIGATE, info_wrong_id},
    {"info-no-pages", ATTACK_AT_NAVIGATE, info_no_pages},
    {"info-million-pages", ATTACK_AT_NAVIGATE, info_million_pages},
    {"info-too-many-pages", ATTACK_AT_NAVIGATE, info_too_many_pages},
    {"info-wild-title", ATTACK_AT_NAVIGATE, info_wild_title},
    {"error-long", ATTACK_AT_NAVIGATE, error_long},
    {"error-too-long", ATTACK_AT_NAVIGATE, error_too_long},
    {"error-of-future", ATTACK_AT_NAVIGATE, error_of_future},
    {"error-of-nothing", ATTACK_AT_NAVIGATE, error_of_nothing},
    {"progress-of-future", ATTACK_AT_NAVIGATE, progress_of_future},
    {"progress-wild", ATTACK_AT_NAVIGATE, progress_wild},
    {"pong-unasked", ATTACK_AT_NAVIGATE, pong_unasked},
    {"crashing-hint", ATTACK_AT_NAVIGATE, crashing_hint},
    {"sent-in-future", ATTACK_AT_NAVIGATE, sent_in_future},
    {"sent-at-end-of-time", ATTACK_AT_NAVIGATE, sent_at_end_of_time},
    {"sent-before-birth", ATTACK_AT_NAVIGATE, sent_before_birth},
    {"activity-in-future", ATTACK_AT_NAVIGATE, activity_in_future},
    {"activity-backwards", ATTACK_AT_NAVIGATE, activity_backwards},
    {"activity-before-sent", ATTACK_AT_NAVIGATE, activity_before_sent},
    {"activity-before-birth", ATTACK_AT_NAVIGATE, activity_before_birth},
    {"activity-unknown-type", ATTACK_AT_NAVIGATE, activity_unknown_type},
    {"activity-wild-label", ATTACK_AT_NAVIGATE, activity_wild_label},
    {"empty-packet", ATTACK_AT_NAVIGATE, empty_packet},
    {"oversized-packet", ATTACK_AT_NAVIGATE, oversized_packet},
    {"oversized-message", ATTACK_AT_NAVIGATE, oversized_message},
    {"truncated-frame", ATTACK_AT_NAVIGATE, truncated_frame},
    {"no-message", ATTACK_AT_NAVIGATE, no_message},
    {"unknown-field", ATTACK_AT_NAVIGATE, unknown_field},
    {"truncated-field", ATTACK_AT_NAVIGATE, truncated_field},
    {"unknown-type", ATTACK_AT_NAVIGATE, unknown_type},
    {"doubled-field", ATTACK_AT_NAVIGATE, doubled_field},
    {"two-messages", ATTACK_AT_NAVIGATE, two_messages},
    {"wrong-wire-type", ATTACK_AT_NAVIGATE, wrong_wire_type},
    {"unknown-enum", ATTACK_AT_NAVIGATE, unknown_enum},
    {"overlong-number", ATTACK_AT_NAVIGATE, overlong_number},
    {"stride-lie", ATTACK_AT_NAVIGATE, stride_lie},
    {"area-lie", ATTACK_AT_NAVIGATE, area_lie},
    {"many-elements", ATTACK_AT_NAVIGATE, many_elements},
    {"elements-by-the-piece", ATTACK_AT_NAVIGATE, elements_by_the_piece},
    {"deep-nesting", ATTACK_AT_NAVIGATE, deep_nesting},
    {"wild-strings", ATTACK_AT_NAVIGATE, wild_strings},
    {"exits-in-mid-message", ATTACK_AT_NAVIGATE, exits_in_mid_message},
    {0},
};
