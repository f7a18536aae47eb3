#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/fd.h"
#include "tests/support/wire.h"

/* Two channels over one socketpair. raw_* are the sockets under them, for saying what channel_send never would. */
struct fixture {
    int open_fds;
    struct channel *broker, *renderer;
    struct counters broker_counters, renderer_counters;
    int raw_broker, raw_renderer;
    unsigned waited_for; // a message's type
    struct wire packet, message;
};

static int setup_with(void **state, bool refuse_fds)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int pair[2];

    assert_non_null(fixture);
    fixture->open_fds = fd_count_open();
    assert_int_equal(channel_socketpair(refuse_fds, &pair[0], &pair[1]), 0);
    fixture->raw_broker = pair[0];
    fixture->raw_renderer = pair[1];
    counters_init(&fixture->broker_counters);
    counters_init(&fixture->renderer_counters);
    assert_int_equal(channel_create(pair[0], CHANNEL_BROKER, &fixture->broker_counters, &fixture->broker), 0);
    assert_int_equal(channel_create(pair[1], CHANNEL_RENDERER, &fixture->renderer_counters, &fixture->renderer), 0);
    *state = fixture;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, true);
}

static int setup_old_kernel(void **state)
{
    return setup_with(state, false);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    int open_fds;

    channel_destroy(fixture->broker);
    channel_destroy(fixture->renderer);
    counters_fini(&fixture->broker_counters);
    counters_fini(&fixture->renderer_counters);
    open_fds = fd_count_open();
    assert_int_equal(open_fds, fixture->open_fds);
    free(fixture);
    return 0;
}

static void kill_renderer(struct fixture *fixture)
{
    channel_destroy(fixture->renderer);
    fixture->renderer = NULL;
}

/* Sends request number `id` down; -1 in fd for none. */
static int send_down(struct fixture *fixture, uint64_t id, int *fds, size_t n_fds)
{
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Navigate navigate = BULKHEAD__NAVIGATE__INIT;

    envelope.request_id = id;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE;
    envelope.navigate = &navigate;
    return channel_send(fixture->broker, &envelope.base, fds, n_fds);
}

static int send_up(struct fixture *fixture, uint64_t id, size_t detail_bytes)
{
    static const char detail[LIMIT_DETAIL_BYTES];
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Error error = BULKHEAD__ERROR__INIT;

    error.detail = codec_bytes(detail, detail_bytes);
    envelope.request_id = id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ERROR;
    envelope.error = &error;
    return channel_send(fixture->renderer, &envelope.base, NULL, 0);
}

static void expect_down(struct fixture *fixture, uint64_t id, struct channel_message *ret_message)
{
    assert_int_equal(channel_receive(fixture->renderer, ret_message), CHANNEL_OK);
    assert_int_equal(ret_message->to_renderer->request_id, id);
}

static void expect_up(struct fixture *fixture, uint64_t id)
{
    struct channel_message message;

    assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_OK);
    assert_int_equal(message.to_broker->request_id, id);
    assert_int_equal(message.n_fds, 0);
}

static void send_packet(int fd, const void *data, size_t size_bytes, const int *fds, size_t n_fds)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = size_bytes};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * 64)];
    } control;

    if (n_fds > 0) {
        memset(&control, 0, sizeof(control));
        control.align = (struct cmsghdr){
            .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int) * n_fds)};
        memcpy(CMSG_DATA(&control.align), fds, sizeof(int) * n_fds);
        header.msg_control = &control;
        header.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
    }
    assert_int_equal(sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT), size_bytes);
}

static void send_raw_up(struct fixture *fixture)
{
    send_packet(fixture->raw_renderer, fixture->packet.bytes, fixture->packet.size, NULL, 0);
}

static void expect_violation(struct channel *channel, enum violation violation)
{
    struct channel_message message;

    for (unsigned i = 0; i < 2; i++) { /* it stays dead */
        assert_int_equal(channel_receive(channel, &message), CHANNEL_VIOLATION);
        assert_int_equal(channel_violation(channel), violation);
        assert_false(channel_has_buffered(channel));
    }
}

/* Whether every copy of a pipe's write end is closed. */
static bool pipe_is_hung_up(int read_end)
{
    struct pollfd pollfd = {.fd = read_end, .events = POLLIN};

    assert_in_range(poll(&pollfd, 1, 0), 0, 1);
    return pollfd.revents & POLLHUP;
}

static void messages_go_both_ways_with_their_facts(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    uint64_t before_ns = clock_now_ns();

    assert_int_equal(channel_receive(fixture->renderer, &message), CHANNEL_EMPTY);
    assert_int_equal(send_down(fixture, 41, NULL, 0), CHANNEL_OK);
    assert_true(channel_wants_flush(fixture->broker));
    assert_int_equal(channel_flush(fixture->broker), CHANNEL_OK);
    assert_false(channel_wants_flush(fixture->broker));
    expect_down(fixture, 41, &message);
    assert_ptr_equal(message.codec, &codec_to_renderer);
    assert_int_equal(message.type, BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE);
    assert_int_equal(message.n_fds, 0);
    assert_in_range(message.to_renderer->sent_ns, before_ns, message.received_ns);
    assert_in_range(message.received_ns, before_ns, clock_now_ns());
    assert_int_equal(send_up(fixture, 41, 100), CHANNEL_OK);
    assert_int_equal(channel_flush(fixture->renderer), CHANNEL_OK);
    expect_up(fixture, 41);
    assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_EMPTY);
}

static void counters_of_both_ends_agree(void **state)
{
    struct fixture *fixture = *state;
    const struct counters *ours = &fixture->broker_counters, *theirs = &fixture->renderer_counters;
    unsigned down = BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE, up = BULKHEAD__TO_BROKER__MESSAGE_ERROR;
    struct channel_message message;
    int fds[2] = {dup(0), dup(0)};

    send_down(fixture, 1, fds, 2);
    channel_flush(fixture->broker);
    expect_down(fixture, 1, &message);
    send_up(fixture, 1, 10);
    send_up(fixture, 2, 20);
    channel_flush(fixture->renderer);
    expect_up(fixture, 1);
    expect_up(fixture, 2);
    assert_int_equal(ours->to_renderer[down].messages, 1);
    assert_int_equal(ours->to_renderer[down].fds, 2);
    assert_int_equal(ours->to_renderer[down].bytes, message.size_bytes);
    assert_int_equal(ours->to_broker[up].messages, 2);
    assert_true(ours->to_broker[up].bytes > 30);
    assert_int_equal(ours->packets_out, 1);
    assert_int_equal(ours->packets_in, 1);
    assert_memory_equal(ours->to_renderer, theirs->to_renderer, sizeof(ours->to_renderer));
    assert_memory_equal(ours->to_broker, theirs->to_broker, sizeof(ours->to_broker));
    assert_int_equal(counters_messages(ours->to_broker), 2);
}

static void small_messages_share_a_packet(void **state)
{
    struct fixture *fixture = *state;

    for (uint64_t i = 1; i <= 32; i++)
        assert_int_equal(send_up(fixture, i, 50), CHANNEL_OK);
    assert_int_equal(channel_flush(fixture->renderer), CHANNEL_OK);
    assert_int_equal(fixture->renderer_counters.packets_out, 1);
    assert_false(channel_has_buffered(fixture->broker));
    for (uint64_t i = 1; i <= 32; i++) {
        expect_up(fixture, i);
        assert_int_equal(channel_has_buffered(fixture->broker), i < 32);
    }
    assert_int_equal(fixture->broker_counters.packets_in, 1);
}

static void packets_stop_at_the_soft_size(void **state)
{
    struct fixture *fixture = *state;
    uint64_t bytes = 0;

    for (uint64_t i = 1; i <= 200; i++)
        assert_int_equal(send_up(fixture, i, LIMIT_DETAIL_BYTES), CHANNEL_OK);
    assert_int_equal(channel_flush(fixture->renderer), CHANNEL_OK);
    for (uint64_t i = 1; i <= 200; i++)
        expect_up(fixture, i);
    bytes = fixture->renderer_counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_ERROR].bytes + 200 * 4;
    assert_int_equal(fixture->renderer_counters.packets_out,
                     (bytes + CHANNEL_PACKET_SOFT_BYTES - 1) / CHANNEL_PACKET_SOFT_BYTES);
}

static void a_message_with_fds_travels_alone_and_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    int pipe_fds[2], fd;

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    send_down(fixture, 1, NULL, 0);
    send_down(fixture, 2, NULL, 0);
    assert_int_equal(send_down(fixture, 3, &pipe_fds[1], 1), CHANNEL_OK);
    assert_int_equal(pipe_fds[1], -1); /* taken */
    send_down(fixture, 4, NULL, 0);
    assert_int_equal(channel_flush(fixture->broker), CHANNEL_OK);
    assert_int_equal(fixture->broker_counters.packets_out, 3);
    expect_down(fixture, 1, &message);
    assert_int_equal(message.n_fds, 0);
    expect_down(fixture, 2, &message);
    expect_down(fixture, 3, &message);
    assert_int_equal(message.n_fds, 1);
    fd = channel_message_take_fd(&message, 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(channel_message_take_fd(&message, 0), -1);
    assert_int_equal(channel_message_take_fd(&message, 1), -1);
    expect_down(fixture, 4, &message);
    assert_int_equal(message.n_fds, 0);
    assert_int_equal(write(fd, "x", 1), 1); /* still open after the next receive */
    close(fd);
    assert_true(pipe_is_hung_up(pipe_fds[0]));
    close(pipe_fds[0]);
}

static void fds_nobody_took_close_with_the_next_receive(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    int pipe_fds[2], fds[2];

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    fds[0] = pipe_fds[1];
    fds[1] = dup(pipe_fds[1]);
    send_down(fixture, 1, fds, 2);
    channel_flush(fixture->broker);
    expect_down(fixture, 1, &message);
    close(channel_message_take_fd(&message, 1));
    assert_false(pipe_is_hung_up(pipe_fds[0]));
    assert_int_equal(channel_receive(fixture->renderer, &message), CHANNEL_EMPTY);
    assert_true(pipe_is_hung_up(pipe_fds[0]));
    close(pipe_fds[0]);
}

static void destroying_closes_fds_queued_and_fds_not_taken(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    int first[2], second[2];

    assert_int_equal(pipe2(first, O_CLOEXEC), 0);
    assert_int_equal(pipe2(second, O_CLOEXEC), 0);
    send_down(fixture, 1, &first[1], 1);
    channel_flush(fixture->broker);
    expect_down(fixture, 1, &message);
    send_down(fixture, 2, &second[1], 1);
    kill_renderer(fixture);
    assert_true(pipe_is_hung_up(first[0]));
    channel_destroy(fixture->broker);
    fixture->broker = NULL;
    assert_true(pipe_is_hung_up(second[0]));
    close(first[0]);
    close(second[0]);
}

static void a_packet_without_bytes_is_a_violation_not_the_end(void **state)
{
    struct fixture *fixture = *state;

    send_packet(fixture->raw_renderer, "", 0, NULL, 0);
    expect_violation(fixture->broker, VIOLATION_EMPTY_PACKET);
}

static void the_end_is_the_end_each_time_it_is_asked_for(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;

    kill_renderer(fixture);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_END);
    assert_int_equal(channel_violation(fixture->broker), VIOLATION_NONE);
}

static void a_peer_that_shut_down_its_sending_side_is_at_its_end(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;

    send_up(fixture, 1, 0);
    channel_flush(fixture->renderer);
    assert_int_equal(shutdown(fixture->raw_renderer, SHUT_WR), 0);
    expect_up(fixture, 1);
    assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_END);
}

static void drains_messages_of_a_peer_that_died_with_unread_input(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;

    for (uint64_t i = 1; i <= 3; i++) {
        send_up(fixture, i, 5);
        channel_flush(fixture->renderer); /* a packet each */
        send_down(fixture, i, NULL, 0);
        channel_flush(fixture->broker); /* never read: the broker will see ECONNRESET */
    }
    kill_renderer(fixture);
    for (uint64_t i = 1; i <= 3; i++)
        expect_up(fixture, i);
    assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_END);
}

static void sending_to_the_dead_is_no_failure_and_loses_nothing_received(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    int fd = dup(0);

    send_up(fixture, 1, 5);
    channel_flush(fixture->renderer);
    send_down(fixture, 1, NULL, 0);
    channel_flush(fixture->broker);
    kill_renderer(fixture);
    for (uint64_t i = 2; i < 5; i++) {
        assert_int_equal(send_down(fixture, i, NULL, 0), CHANNEL_OK);
        assert_int_equal(channel_flush(fixture->broker), CHANNEL_OK);
        assert_false(channel_wants_flush(fixture->broker));
    }
    assert_int_equal(send_down(fixture, 6, &fd, 1), CHANNEL_OK);
    assert_int_equal(fd, -1);
    assert_true(fixture->broker_counters.to_renderer[BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE].drops > 0);
    expect_up(fixture, 1);
    assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_END);
}

static void hears_the_last_words_of_a_process_that_was_killed(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    int status;
    pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        close(fixture->raw_broker);
        for (uint64_t i = 1; i <= 40; i++)
            send_up(fixture, i, 500);
        channel_flush(fixture->renderer);
        kill(getpid(), SIGKILL);
    }
    kill_renderer(fixture); /* our copy of its end */
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (uint64_t i = 1; i <= 40; i++)
        expect_up(fixture, i);
    assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_END);
}

static void refuses_a_packet_larger_than_any(void **state)
{
    struct fixture *fixture = *state;

    fixture->packet.size = CHANNEL_PACKET_BYTES + 1;
    send_raw_up(fixture);
    expect_violation(fixture->broker, VIOLATION_OVERSIZED_PACKET);
    assert_int_equal(channel_refused(fixture->broker, &(const uint8_t *){NULL}), 0); /* it is not there as a whole */
}

static void refuses_a_message_larger_than_any(void **state)
{
    struct fixture *fixture = *state;
    uint32_t length = CHANNEL_MESSAGE_BYTES + 1;

    wire_raw(&fixture->packet, &length, sizeof(length));
    fixture->packet.size = CHANNEL_PACKET_BYTES; /* it is all there */
    send_raw_up(fixture);
    expect_violation(fixture->broker, VIOLATION_OVERSIZED_MESSAGE);
}

static void refuses_a_length_that_is_cut_short(void **state)
{
    struct fixture *fixture = *state;

    wire_raw(&fixture->packet, "\1\0\0", 3);
    send_raw_up(fixture);
    expect_violation(fixture->broker, VIOLATION_TRUNCATED_FRAME);
}

static void refuses_a_frame_longer_than_its_packet_after_handing_over_the_frames_before(void **state)
{
    struct fixture *fixture = *state;
    const uint8_t *refused;
    size_t first;

    wire_sample(&fixture->message, &codec_to_broker, BULKHEAD__TO_BROKER__MESSAGE_PROGRESS, 1, 1);
    wire_frame(&fixture->packet, &fixture->message);
    first = fixture->packet.size;
    wire_frame(&fixture->packet, &fixture->message);
    fixture->packet.size--;
    send_raw_up(fixture);
    expect_up(fixture, UINT64_MAX);
    assert_int_equal(channel_refused(fixture->broker, &refused), 0);
    expect_violation(fixture->broker, VIOLATION_TRUNCATED_FRAME);
    assert_int_equal(channel_refused(fixture->broker, &refused), fixture->packet.size - first);
    assert_memory_equal(refused, fixture->packet.bytes + first, fixture->packet.size - first);
}

static void lengths_are_little_endian(void **state)
{
    struct fixture *fixture = *state;

    wire_raw(&fixture->packet, "\x03\0\0\0", 4);
    wire_raw(&fixture->packet, "\xaa\x01\x00", 3); /* an empty "crashing", field 21 */
    send_raw_up(fixture);
    expect_up(fixture, 0);
}

static void an_undecodable_message_names_the_codecs_reason(void **state)
{
    struct fixture *fixture = *state;

    wire_fill(&fixture->message, 63, 'x', 10);
    wire_frame(&fixture->packet, &fixture->message);
    send_raw_up(fixture);
    expect_violation(fixture->broker, VIOLATION_UNKNOWN_FIELD);
}

static void an_empty_frame_is_no_message(void **state)
{
    struct fixture *fixture = *state;

    wire_frame(&fixture->packet, &fixture->message);
    send_raw_up(fixture);
    expect_violation(fixture->broker, VIOLATION_NO_MESSAGE);
}

/* Puts one honest frame to the broker into packet. */
static void make_honest_packet(struct fixture *fixture, const struct codec *codec, unsigned type)
{
    wire_sample(&fixture->message, codec, type, 1, 1);
    wire_frame(&fixture->packet, &fixture->message);
}

static void the_broker_installs_no_fd_that_comes_up(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    int pipe_fds[2], open_fds, result;

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    make_honest_packet(fixture, &codec_to_broker, BULKHEAD__TO_BROKER__MESSAGE_PONG);
    send_packet(fixture->raw_renderer, fixture->packet.bytes, fixture->packet.size, &pipe_fds[1], 1);
    fd_close(&pipe_fds[1]);
    open_fds = fd_count_open();
    result = channel_receive(fixture->broker, &message);
    assert_int_equal(fd_count_open(), open_fds);
    assert_int_equal(result, CHANNEL_VIOLATION);
    expect_violation(fixture->broker, VIOLATION_UNEXPECTED_FDS);
    assert_true(pipe_is_hung_up(pipe_fds[0]));
    close(pipe_fds[0]);
}

static void fds_on_a_packet_without_bytes_are_unexpected_too(void **state)
{
    struct fixture *fixture = *state;
    int fd = dup(0);

    send_packet(fixture->raw_renderer, "", 0, &fd, 1);
    fd_close(&fd);
    expect_violation(fixture->broker, VIOLATION_UNEXPECTED_FDS);
}

static void the_kernel_refuses_fds_towards_the_broker(void **state)
{
    int pair[2], fd = 0, refusal;
    struct iovec iov = {.iov_base = "x", .iov_len = 1};
    char control[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = {0};
    struct msghdr header = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);
    ssize_t sent;
    int error;

    (void)state;
    *cmsg = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
    assert_int_equal(channel_socketpair(true, &pair[0], &pair[1]), 0);
    refusal = channel_refuses_fds(pair[0]);
    sent = sendmsg(pair[1], &header, MSG_NOSIGNAL);
    error = errno;
    close(pair[0]);
    close(pair[1]);
    if (refusal == -ENOPROTOOPT) {
        print_message("skipped: this kernel has no SO_PASSRIGHTS (Linux 6.16)\n");
        skip();
    }
    assert_int_equal(refusal, 0);
    assert_int_equal(sent, -1);
    assert_int_equal(error, EPERM);
}

static void a_socket_that_lets_fds_through_is_known_as_one(void **state)
{
    int pair[2], pipe_ends[2];

    (void)state;
    assert_int_equal(channel_socketpair(false, &pair[0], &pair[1]), 0);
    int refusal = channel_refuses_fds(pair[0]);
    assert_true(refusal == -EPERM || refusal == -ENOPROTOOPT); /* Linux 6.16 on, before */
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(channel_refuses_fds(pipe_ends[0]), -ENOTSOCK);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void *wait_for_message(void *userdata)
{
    struct fixture *fixture = userdata;
    struct channel_message message;
    int result = channel_receive_waiting(fixture->renderer, &message);

    if (result == CHANNEL_OK)
        fixture->waited_for = message.type;
    return (void *)(intptr_t)result;
}

static int end_of_wait(pthread_t thread)
{
    void *result;

    assert_int_equal(pthread_join(thread, &result), 0);
    return (int)(intptr_t)result;
}

/* Whether the thread sleeps already or has yet to come to it when the message is sent makes no difference. */
static void a_renderer_may_sleep_until_there_is_a_message_or_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, wait_for_message, fixture), 0);
    assert_int_equal(send_down(fixture, 1, NULL, 0), CHANNEL_OK);
    assert_int_equal(send_down(fixture, 2, NULL, 0), CHANNEL_OK);
    assert_int_equal(channel_flush(fixture->broker), CHANNEL_OK);
    assert_int_equal(end_of_wait(thread), CHANNEL_OK);
    assert_int_equal(fixture->waited_for, BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE);
    assert_int_equal(channel_receive_waiting(fixture->renderer, &message), CHANNEL_OK);
    assert_int_equal(message.to_renderer->request_id, 2);
    assert_int_equal(channel_receive(fixture->renderer, &message), CHANNEL_EMPTY);

    assert_int_equal(pthread_create(&thread, NULL, wait_for_message, fixture), 0);
    channel_destroy(fixture->broker);
    fixture->broker = NULL;
    assert_int_equal(end_of_wait(thread), CHANNEL_END);
}

static void sockets_are_born_cloexec_and_the_brokers_nonblocking(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fcntl(fixture->raw_broker, F_GETFD), FD_CLOEXEC);
    assert_int_equal(fcntl(fixture->raw_renderer, F_GETFD), FD_CLOEXEC);
    assert_true(fcntl(fixture->raw_broker, F_GETFL) & O_NONBLOCK);
    assert_int_equal(channel_fd(fixture->broker), fixture->raw_broker);
}

static void fds_on_a_packet_of_several_frames_are_refused_and_closed(void **state)
{
    struct fixture *fixture = *state;
    int pipe_fds[2];

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    make_honest_packet(fixture, &codec_to_renderer, BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE);
    wire_frame(&fixture->packet, &fixture->message);
    send_packet(fixture->raw_broker, fixture->packet.bytes, fixture->packet.size, &pipe_fds[1], 1);
    fd_close(&pipe_fds[1]);
    expect_violation(fixture->renderer, VIOLATION_WRONG_FD_COUNT);
    assert_true(pipe_is_hung_up(pipe_fds[0]));
    close(pipe_fds[0]);
}

static void more_fds_than_a_message_has_are_refused_and_closed(void **state)
{
    struct fixture *fixture = *state;
    int pipe_fds[2], fds[CHANNEL_MESSAGE_FDS + 1];

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    for (size_t i = 0; i < CHANNEL_MESSAGE_FDS + 1; i++)
        fds[i] = pipe_fds[1];
    make_honest_packet(fixture, &codec_to_renderer, BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE);
    send_packet(fixture->raw_broker, fixture->packet.bytes, fixture->packet.size, fds, CHANNEL_MESSAGE_FDS + 1);
    fd_close(&pipe_fds[1]);
    expect_violation(fixture->renderer, VIOLATION_WRONG_FD_COUNT);
    assert_true(pipe_is_hung_up(pipe_fds[0]));
    close(pipe_fds[0]);
}

static void as_many_fds_as_a_message_may_have_arrive(void **state)
{
    struct fixture *fixture = *state;
    struct channel_message message;
    int fds[CHANNEL_MESSAGE_FDS];

    for (size_t i = 0; i < CHANNEL_MESSAGE_FDS; i++)
        fds[i] = dup(0);
    assert_int_equal(send_down(fixture, 1, fds, CHANNEL_MESSAGE_FDS), CHANNEL_OK);
    channel_flush(fixture->broker);
    expect_down(fixture, 1, &message);
    assert_int_equal(message.n_fds, CHANNEL_MESSAGE_FDS);
    for (size_t i = 0; i < CHANNEL_MESSAGE_FDS; i++)
        assert_true(message.fds[i] >= 0);
}

static void a_full_queue_refuses_and_loses_nothing_it_accepted(void **state)
{
    struct fixture *fixture = *state;
    struct counter *counter = &fixture->renderer_counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_ERROR];
    uint64_t accepted = 0, received = 0;
    int result;

    while ((result = send_up(fixture, accepted + 1, LIMIT_DETAIL_BYTES)) == CHANNEL_OK)
        accepted++;
    assert_int_equal(result, CHANNEL_FULL);
    assert_int_equal(counter->drops, 1);
    assert_int_equal(counter->messages, accepted);
    assert_true(accepted * (LIMIT_DETAIL_BYTES + 32) > CHANNEL_QUEUE_BYTES - 1024);
    assert_int_equal(channel_flush(fixture->renderer), CHANNEL_PENDING); /* a socket holds far less */
    while (received < accepted) {
        struct channel_message message;

        result = channel_receive(fixture->broker, &message);
        if (result == CHANNEL_EMPTY) {
            assert_true(channel_wants_flush(fixture->renderer));
            assert_in_range(channel_flush(fixture->renderer), 0, CHANNEL_PENDING);
            continue;
        }
        assert_int_equal(result, CHANNEL_OK);
        assert_int_equal(message.to_broker->request_id, ++received);
    }
    assert_false(channel_wants_flush(fixture->renderer));
}

static void order_and_fds_survive_congestion(void **state)
{
    struct fixture *fixture = *state;
    uint64_t sent = 0, received = 0;
    uint32_t random = 12345;

    /* Bursts, flushes and reads in changing measure, every seventh message with an fd, so that the queue wraps. */
    while (received < 60000) {
        struct channel_message message;
        unsigned burst;
        int result;

        random = random * 1664525u + 1013904223u;
        for (burst = random >> 20; burst > 0 && sent < 60000; burst--) {
            int fd = (sent + 1) % 7 == 0 && sent % 3 == 0 ? dup(0) : -1;

            result = send_down(fixture, sent + 1, &fd, fd >= 0 ? 1 : 0);
            assert_int_equal(fd, -1);
            if (result == CHANNEL_FULL)
                break;
            assert_int_equal(result, CHANNEL_OK);
            sent++;
        }
        assert_in_range(channel_flush(fixture->broker) + 1, 1, CHANNEL_PENDING + 1);
        random = random * 1664525u + 1013904223u;
        for (burst = random >> 20; burst > 0; burst--) {
            result = channel_receive(fixture->renderer, &message);
            if (result == CHANNEL_EMPTY)
                break;
            assert_int_equal(result, CHANNEL_OK);
            assert_int_equal(message.to_renderer->request_id, ++received);
            assert_int_equal(message.n_fds, received % 7 == 0 && (received - 1) % 3 == 0 ? 1 : 0);
        }
    }
}

static void the_queue_holds_no_more_fds_than_its_cap(void **state)
{
    struct fixture *fixture = *state;
    int pipe_fds[2], fd;

    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    for (uint64_t i = 1; i <= CHANNEL_QUEUE_FDS; i++) {
        fd = dup(0);
        assert_int_equal(send_down(fixture, i, &fd, 1), CHANNEL_OK);
    }
    assert_int_equal(send_down(fixture, 99, &pipe_fds[1], 1), CHANNEL_FULL);
    assert_int_equal(pipe_fds[1], -1);
    assert_true(pipe_is_hung_up(pipe_fds[0])); /* taken, on failure too */
    assert_int_equal(send_down(fixture, 100, NULL, 0), CHANNEL_OK);
    assert_int_equal(channel_flush(fixture->broker), CHANNEL_OK);
    fd = dup(0);
    assert_int_equal(send_down(fixture, 101, &fd, 1), CHANNEL_OK); /* room again */
    close(pipe_fds[0]);
}

static void a_message_too_large_to_send_is_our_own_failure(void **state)
{
    struct fixture *fixture = *state;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    Bulkhead__Navigate navigate = BULKHEAD__NAVIGATE__INIT;
    int fd = dup(0);

    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE;
    envelope.navigate = &navigate;
    navigate.url = codec_bytes(fixture->packet.bytes, CHANNEL_MESSAGE_BYTES);
    assert_int_equal(channel_send(fixture->broker, &envelope.base, &fd, 1), -EMSGSIZE);
    assert_int_equal(fd, -1);
    assert_false(channel_wants_flush(fixture->broker));
}

static void the_largest_message_fits_a_packet(void **state)
{
    struct fixture *fixture = *state;
    static const char evidence[LIMIT_DETAIL_BYTES];
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__Hello hello = BULKHEAD__HELLO__INIT;
    Bulkhead__LayerFact fact = BULKHEAD__LAYER_FACT__INIT, *facts[CODEC_REPEATED];
    struct channel_message message;

    for (size_t i = 0; i < CODEC_REPEATED; i++)
        facts[i] = &fact;
    hello.layers = facts;
    hello.n_layers = CODEC_REPEATED;
    fact.evidence = codec_bytes(evidence, 502); /* 131 KB in all, but for a few bytes */
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_HELLO;
    envelope.hello = &hello;
    assert_int_equal(channel_send(fixture->renderer, &envelope.base, NULL, 0), CHANNEL_OK);
    assert_int_equal(channel_flush(fixture->renderer), CHANNEL_OK);
    assert_int_equal(channel_receive(fixture->broker, &message), CHANNEL_OK);
    assert_int_equal(message.to_broker->hello->n_layers, CODEC_REPEATED);
    assert_true(message.size_bytes > CHANNEL_MESSAGE_BYTES - 1500);
}

static long resident_pages(void)
{
    long size = 0, resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");

    assert_non_null(statm);
    assert_int_equal(fscanf(statm, "%ld %ld", &size, &resident), 2);
    fclose(statm);
    return resident;
}

static void an_idle_channel_costs_a_few_pages(void **state)
{
    enum { CHANNELS = 32 };
    struct channel *both[CHANNELS][2];
    long before;

    (void)state;
    /* Where huge pages are the default, as in Debian's kernel, one touched byte would count 2 MB. */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    before = resident_pages();
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: shadow memory would be counted\n");
    skip();
#endif
    for (size_t i = 0; i < CHANNELS; i++) {
        Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
        Bulkhead__Ping ping = BULKHEAD__PING__INIT;
        struct channel_message message;
        int pair[2];

        envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_PING;
        envelope.ping = &ping;
        assert_int_equal(channel_socketpair(true, &pair[0], &pair[1]), 0);
        assert_int_equal(channel_create(pair[0], CHANNEL_BROKER, NULL, &both[i][0]), 0);
        assert_int_equal(channel_create(pair[1], CHANNEL_RENDERER, NULL, &both[i][1]), 0);
        assert_int_equal(channel_send(both[i][0], &envelope.base, NULL, 0), CHANNEL_OK);
        assert_int_equal(channel_flush(both[i][0]), CHANNEL_OK);
        assert_int_equal(channel_receive(both[i][1], &message), CHANNEL_OK);
    }
    assert_in_range(resident_pages() - before, 0, CHANNELS * 6); /* both ends */
    for (size_t i = 0; i < CHANNELS; i++) {
        channel_destroy(both[i][0]);
        channel_destroy(both[i][1]);
    }
}

#define with_fixture(test)    cmocka_unit_test_setup_teardown(test, setup, teardown)
#define with_old_kernel(test) cmocka_unit_test_setup_teardown(test, setup_old_kernel, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(messages_go_both_ways_with_their_facts),
        with_fixture(counters_of_both_ends_agree),
        with_fixture(small_messages_share_a_packet),
        with_fixture(packets_stop_at_the_soft_size),
        with_fixture(a_message_with_fds_travels_alone_and_in_order),
        with_fixture(fds_nobody_took_close_with_the_next_receive),
        with_fixture(destroying_closes_fds_queued_and_fds_not_taken),
        with_fixture(a_packet_without_bytes_is_a_violation_not_the_end),
        with_fixture(the_end_is_the_end_each_time_it_is_asked_for),
        with_fixture(a_peer_that_shut_down_its_sending_side_is_at_its_end),
        with_fixture(drains_messages_of_a_peer_that_died_with_unread_input),
        with_fixture(sending_to_the_dead_is_no_failure_and_loses_nothing_received),
        with_fixture(hears_the_last_words_of_a_process_that_was_killed),
        with_fixture(refuses_a_packet_larger_than_any),
        with_fixture(refuses_a_message_larger_than_any),
        with_fixture(refuses_a_length_that_is_cut_short),
        with_fixture(refuses_a_frame_longer_than_its_packet_after_handing_over_the_frames_before),
        with_fixture(lengths_are_little_endian),
        with_fixture(an_undecodable_message_names_the_codecs_reason),
        with_fixture(an_empty_frame_is_no_message),
        with_old_kernel(the_broker_installs_no_fd_that_comes_up),
        with_old_kernel(fds_on_a_packet_without_bytes_are_unexpected_too),
        with_fixture(the_kernel_refuses_fds_towards_the_broker),
        cmocka_unit_test(a_socket_that_lets_fds_through_is_known_as_one),
        with_fixture(a_renderer_may_sleep_until_there_is_a_message_or_the_end),
        with_fixture(sockets_are_born_cloexec_and_the_brokers_nonblocking),
        with_fixture(fds_on_a_packet_of_several_frames_are_refused_and_closed),
        with_fixture(more_fds_than_a_message_has_are_refused_and_closed),
        with_fixture(as_many_fds_as_a_message_may_have_arrive),
        with_fixture(a_full_queue_refuses_and_loses_nothing_it_accepted),
        with_fixture(order_and_fds_survive_congestion),
        with_fixture(the_queue_holds_no_more_fds_than_its_cap),
        with_fixture(a_message_too_large_to_send_is_our_own_failure),
        with_fixture(the_largest_message_fits_a_packet),
        with_fixture(an_idle_channel_costs_a_few_pages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
