/* Misbehaviour in the conversation: states, ids, times, packets, fds. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/hostile.h"

static bool hello_again(struct hostile *self)
{
    hostile_say_hello(self, PROTOCOL_VERSION, self->id, 0);
    return false;
}

static bool says_forked(struct hostile *self)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Forked forked = BULKHEAD__FORKED__INIT;
    forked.renderer_id = self->id;
    forked.pid = getpid();
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_FORKED;
    envelope.forked = &forked;
    hostile_say(self, &envelope);
    return false;
}

static bool page_too_early(struct hostile *self)
{
    hostile_say_page(self, self->navigate_id, 0, 16);
    return false;
}

static bool frame_too_early(struct hostile *self)
{
    Bulkhead__FrameReady ready = hostile_frame(self, 0);
    hostile_say_frame(self, self->navigate_id, &ready);
    return false;
}

static bool info_again(struct hostile *self)
{
    hostile_say_info(self, self->navigate_id, HOSTILE_PAGES, "", 0);
    return false;
}

static bool info_wrong_id(struct hostile *self)
{
    hostile_say_info(self, self->navigate_id + 50, HOSTILE_PAGES, "", 0);
    return false;
}

static bool info_no_pages(struct hostile *self)
{
    hostile_say_info(self, self->navigate_id, 0, "", 0);
    return false;
}

static bool info_million_pages(struct hostile *self)
{
    hostile_say_info(self, self->navigate_id, LIMIT_PAGES, "", 0);
    return false;
}

static bool info_too_many_pages(struct hostile *self)
{
    hostile_say_info(self, self->navigate_id, LIMIT_PAGES + 1, "", 0);
    return false;
}

static bool info_wild_title(struct hostile *self)
{
    static const char title[] = "a\033[2J\033]0;owned\007\0b\n\r\x7f\xc2\x9b"
                                "31m\xe2\x80\xae\"\\<\xff\xfe\xf0\x9f\x98\x80";
    hostile_say_info(self, self->navigate_id, HOSTILE_PAGES, title, sizeof title - 1);
    return false;
}

static void say_error(struct hostile *self, uint64_t request_id, size_t detail_bytes)
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
    hostile_say(self, &envelope);
}

static bool error_long(struct hostile *self)
{
    say_error(self, self->navigate_id, LIMIT_DETAIL_BYTES);
    return false;
}

static bool error_too_long(struct hostile *self)
{
    say_error(self, self->navigate_id, LIMIT_DETAIL_BYTES + 1);
    return false;
}

static bool error_of_future(struct hostile *self)
{
    say_error(self, self->navigate_id + 1000, 0);
    return false;
}

static bool error_of_nothing(struct hostile *self)
{
    say_error(self, 0, 0);
    return false;
}

static void say_progress(struct hostile *self, uint64_t request_id)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Progress progress = BULKHEAD__PROGRESS__INIT;
    progress.done = UINT32_MAX;
    progress.total = 1;
    envelope.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PROGRESS;
    envelope.progress = &progress;
    hostile_say(self, &envelope);
}

static bool progress_of_future(struct hostile *self)
{
    say_progress(self, self->navigate_id + 1000);
    return false;
}

static bool progress_wild(struct hostile *self)
{
    say_progress(self, self->navigate_id);
    return true;
}

static bool pong_unasked(struct hostile *self)
{
    hostile_say_pong(self, self->navigate_id);
    return false;
}

static bool crashing_hint(struct hostile *self)
{
    for (int i = 0; i < 100; i++) {
        Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
        Bulkhead__Crashing crashing = BULKHEAD__CRASHING__INIT;
        envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_CRASHING;
        envelope.crashing = &crashing;
        hostile_say(self, &envelope);
    }
    return true;
}

static bool say_progress_at(struct hostile *self, uint64_t sent_ns)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Progress progress = BULKHEAD__PROGRESS__INIT;
    envelope.request_id = self->navigate_id;
    envelope.sent_ns = sent_ns;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PROGRESS;
    envelope.progress = &progress;
    hostile_say(self, &envelope);
    return false;
}

static bool sent_in_future(struct hostile *self)
{
    return say_progress_at(self, clock_now_ns() + 1000000000);
}

static bool sent_at_end_of_time(struct hostile *self)
{
    return say_progress_at(self, UINT64_MAX);
}

static bool sent_before_birth(struct hostile *self)
{
    return say_progress_at(self, 1);
}

static bool say_handled(struct hostile *self, uint32_t type, uint64_t sent_ns, uint64_t start_ns, uint64_t end_ns)
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
    hostile_say(self, &envelope);
    return false;
}

enum { PING = BULKHEAD__TO_RENDERER__MESSAGE_PING };

static bool activity_in_future(struct hostile *self)
{
    return say_handled(self, 0, 0, 1, UINT64_MAX);
}

static bool activity_backwards(struct hostile *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, 0, 0, now, now - 1);
}

static bool activity_before_sent(struct hostile *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, PING, now, now - 1, now);
}

static bool activity_before_birth(struct hostile *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, PING, 0, now, now);
}

static bool activity_unknown_type(struct hostile *self)
{
    uint64_t now = clock_now_ns();
    return say_handled(self, 4000000000u, now, now, now);
}

static bool activity_wild_label(struct hostile *self)
{
    uint64_t now = clock_now_ns();
    say_handled(self, 0, 0, now, now);
    return true;
}

static bool empty_packet(struct hostile *self)
{
    hostile_send(self, "", 0);
    return false;
}

static bool oversized_packet(struct hostile *self)
{
    static uint8_t packet[CHANNEL_PACKET_BYTES + 1];
    hostile_send(self, packet, sizeof packet);
    return false;
}

static bool oversized_message(struct hostile *self)
{
    hostile_send(self, "\xff\xff\xff\xff....", 8);
    return false;
}

static bool truncated_frame(struct hostile *self)
{
    hostile_send(self, "\x20\0\0\0abc", 7);
    return false;
}

static bool no_message(struct hostile *self)
{
    hostile_send(self, "\0\0\0\0", 4);
    return false;
}

static bool unknown_field(struct hostile *self)
{
    hostile_send(self, "\x03\0\0\0\xa0\x3f\x01", 7);
    return false;
}

static bool exits_in_mid_message(struct hostile *self)
{
    truncated_frame(self);
    _exit(0);
}

static bool pushes_fds(struct hostile *self)
{
    int fds[] = {0, 1, 2};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof fds)];
    } control = {0};
    struct iovec iov = {.iov_base = (void *)(uintptr_t) "\x20\0\0\0abc", .iov_len = 7};
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(sizeof fds);
    memcpy(CMSG_DATA(&control.header), fds, sizeof fds);
    if (sendmsg(self->fd, &message, MSG_NOSIGNAL) < 0)
        _exit(errno == EPERM ? HOSTILE_KERNEL_REFUSED : 1);
    return false;
}

const struct hostile_attack hostile_talk_attacks[] = {
    {"hello-again", HOSTILE_AT_NAVIGATE, hello_again},
    {"hello-while-live", HOSTILE_WHEN_LIVE, hello_again},
    {"forked", HOSTILE_AT_NAVIGATE, says_forked},
    {"page-too-early", HOSTILE_AT_NAVIGATE, page_too_early},
    {"frame-too-early", HOSTILE_AT_NAVIGATE, frame_too_early},
    {"info-again", HOSTILE_WHEN_LIVE, info_again},
    {"info-wrong-id", HOSTILE_AT_NAVIGATE, info_wrong_id},
    {"info-no-pages", HOSTILE_AT_NAVIGATE, info_no_pages},
    {"info-million-pages", HOSTILE_AT_NAVIGATE, info_million_pages},
    {"info-too-many-pages", HOSTILE_AT_NAVIGATE, info_too_many_pages},
    {"info-wild-title", HOSTILE_AT_NAVIGATE, info_wild_title},
    {"error-long", HOSTILE_AT_NAVIGATE, error_long},
    {"error-too-long", HOSTILE_AT_NAVIGATE, error_too_long},
    {"error-of-future", HOSTILE_AT_NAVIGATE, error_of_future},
    {"error-of-nothing", HOSTILE_AT_NAVIGATE, error_of_nothing},
    {"progress-of-future", HOSTILE_AT_NAVIGATE, progress_of_future},
    {"progress-wild", HOSTILE_AT_NAVIGATE, progress_wild},
    {"pong-unasked", HOSTILE_AT_NAVIGATE, pong_unasked},
    {"crashing-hint", HOSTILE_AT_NAVIGATE, crashing_hint},
    {"sent-in-future", HOSTILE_AT_NAVIGATE, sent_in_future},
    {"sent-at-end-of-time", HOSTILE_AT_NAVIGATE, sent_at_end_of_time},
    {"sent-before-birth", HOSTILE_AT_NAVIGATE, sent_before_birth},
    {"activity-in-future", HOSTILE_AT_NAVIGATE, activity_in_future},
    {"activity-backwards", HOSTILE_AT_NAVIGATE, activity_backwards},
    {"activity-before-sent", HOSTILE_AT_NAVIGATE, activity_before_sent},
    {"activity-before-birth", HOSTILE_AT_NAVIGATE, activity_before_birth},
    {"activity-unknown-type", HOSTILE_AT_NAVIGATE, activity_unknown_type},
    {"activity-wild-label", HOSTILE_AT_NAVIGATE, activity_wild_label},
    {"empty-packet", HOSTILE_AT_NAVIGATE, empty_packet},
    {"oversized-packet", HOSTILE_AT_NAVIGATE, oversized_packet},
    {"oversized-message", HOSTILE_AT_NAVIGATE, oversized_message},
    {"truncated-frame", HOSTILE_AT_NAVIGATE, truncated_frame},
    {"no-message", HOSTILE_AT_NAVIGATE, no_message},
    {"unknown-field", HOSTILE_AT_NAVIGATE, unknown_field},
    {"exits-in-mid-message", HOSTILE_AT_NAVIGATE, exits_in_mid_message},
    {"pushes-fds", HOSTILE_AT_NAVIGATE, pushes_fds},
    {0},
};
