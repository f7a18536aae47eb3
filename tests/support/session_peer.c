#include "tests/support/session_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"
#include "renderer/session.h"

enum { SESSION_PEER_TEST_S = 60 };

static int session_peer_child(int fd, uint64_t memory_limit_bytes)
{
    const struct rlimit no_core = {0, 0}, memory = {memory_limit_bytes, memory_limit_bytes};
    static struct cell_facts facts;
    struct session *session;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &no_core);
    if (memory_limit_bytes)
        setrlimit(RLIMIT_DATA, &memory);
    facts.layers[BULKHEAD__LAYER_FACT__LAYER__SECCOMP] =
        (struct cell_fact){.attempted = true, .in_force = true, .evidence = "as a test says"};
    if (session_create(fd, SESSION_PEER_ID, &session) < 0)
        return 99;
    return session_run(session, &facts);
}

void session_peer_start(struct session_peer *peer, uint64_t memory_limit_bytes)
{
    int ours, theirs;

    alarm(SESSION_PEER_TEST_S); /* for the waits that have no deadline of their own */
    memset(peer, 0, sizeof(*peer));
    peer->memory_fd = -1;
    peer->next_request = 1;
    peer->fds_before = fd_count_open();
    assert_int_equal(channel_socketpair(true, &ours, &theirs), 0);
    peer->pid = fork();
    assert_true(peer->pid >= 0);
    if (peer->pid == 0) {
        close(ours);
        for (int signal_number = 1; signal_number < 32; signal_number++)
            signal(signal_number, SIG_DFL); /* cmocka's handlers would turn a crash into a failed test */
        _exit(session_peer_child(theirs, memory_limit_bytes));
    }
    close(theirs);
    peer->pidfd = (int)syscall(SYS_pidfd_open, peer->pid, 0);
    assert_true(peer->pidfd >= 0);
    assert_int_equal(channel_create(ours, CHANNEL_BROKER, NULL, &peer->channel), 0);
}

static void session_peer_drop_memory(struct session_peer *peer)
{
    if (peer->memory)
        munmap(peer->memory, frame_memory_bytes(&peer->geometry));
    peer->memory = NULL;
    fd_close(&peer->memory_fd);
}

void session_peer_fini(struct session_peer *peer)
{
    if (peer->pid > 0) {
        kill(peer->pid, SIGKILL);
        waitpid(peer->pid, NULL, 0);
    }
    fd_close(&peer->pidfd);
    session_peer_drop_memory(peer);
    channel_destroy(peer->channel);
    alarm(0);
    assert_int_equal(fd_count_open(), peer->fds_before);
}

void session_peer_tell(struct session_peer *peer, Bulkhead__ToRenderer *envelope, int fd)
{
    assert_int_equal(channel_send(peer->channel, &envelope->base, &fd, fd >= 0 ? 1 : 0), CHANNEL_OK);
    channel_flush(peer->channel);
}

uint64_t session_peer_request(struct session_peer *peer, Bulkhead__ToRenderer *envelope, int fd)
{
    envelope->request_id = peer->next_request++;
    session_peer_tell(peer, envelope, fd);
    return envelope->request_id;
}

/* CHANNEL_OK, CHANNEL_END, or CHANNEL_EMPTY at the deadline. */
static int session_peer_receive(struct session_peer *peer, uint64_t until_ms, struct channel_message *ret_message)
{
    for (;;) {
        struct pollfd pollfd = {.fd = channel_fd(peer->channel), .events = POLLIN};
        uint64_t now = clock_now_ms();
        int result;

        channel_flush(peer->channel);
        result = channel_receive(peer->channel, ret_message);
        if (result != CHANNEL_EMPTY || now >= until_ms)
            return result;
        if (channel_wants_flush(peer->channel))
            pollfd.events |= POLLOUT;
        poll(&pollfd, 1, (int)(until_ms - now));
    }
}

const Bulkhead__ToBroker *session_peer_next_any(struct session_peer *peer)
{
    struct channel_message message;

    assert_int_equal(session_peer_receive(peer, clock_now_ms() + SESSION_PEER_DEADLINE_MS, &message), CHANNEL_OK);
    return message.to_broker;
}

const Bulkhead__ToBroker *session_peer_next(struct session_peer *peer)
{
    const Bulkhead__ToBroker *envelope;

    do {
        envelope = session_peer_next_any(peer);
    } while (envelope->message_case == BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY ||
             envelope->message_case == BULKHEAD__TO_BROKER__MESSAGE_PROGRESS);
    return envelope;
}

const Bulkhead__ToBroker *session_peer_expect(struct session_peer *peer, unsigned type, uint64_t request_id)
{
    const Bulkhead__ToBroker *envelope = session_peer_next(peer);

    if (envelope->message_case == BULKHEAD__TO_BROKER__MESSAGE_ERROR && type != BULKHEAD__TO_BROKER__MESSAGE_ERROR)
        print_error("error %d: %.*s\n", (int)envelope->error->code, (int)envelope->error->detail.len,
                    (const char *)envelope->error->detail.data);
    assert_string_equal(codec_type_name(&codec_to_broker, envelope->message_case),
                        codec_type_name(&codec_to_broker, type));
    assert_int_equal(envelope->request_id, request_id);
    return envelope;
}

void session_peer_expect_error(struct session_peer *peer, uint64_t request_id, Bulkhead__Error__Code code)
{
    const Bulkhead__ToBroker *envelope = session_peer_expect(peer, BULKHEAD__TO_BROKER__MESSAGE_ERROR, request_id);

    assert_int_equal(envelope->error->code, code);
}

int session_peer_is_silent(struct session_peer *peer, int milliseconds)
{
    struct channel_message message;

    return session_peer_receive(peer, clock_now_ms() + (uint64_t)milliseconds, &message) == CHANNEL_EMPTY;
}

int session_peer_wait(struct session_peer *peer)
{
    uint64_t until_ms = clock_now_ms() + SESSION_PEER_DEADLINE_MS;
    struct pollfd pollfd = {.fd = peer->pidfd, .events = POLLIN};
    struct channel_message message;
    int status = 0;

    while (session_peer_receive(peer, until_ms, &message) == CHANNEL_OK)
        ;
    assert_int_equal(poll(&pollfd, 1, SESSION_PEER_DEADLINE_MS), 1);
    assert_int_equal(waitpid(peer->pid, &status, 0), peer->pid);
    peer->pid = 0;
    return status;
}

uint64_t session_peer_navigate(struct session_peer *peer, const char *url, int fd, uint64_t size_bytes)
{
    Bulkhead__Navigate navigate = BULKHEAD__NAVIGATE__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    navigate.url = codec_bytes(url, strlen(url));
    navigate.size_bytes = size_bytes;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE;
    envelope.navigate = &navigate;
    return session_peer_request(peer, &envelope, fd);
}

void session_peer_open(struct session_peer *peer, const char *url)
{
    session_peer_expect(peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, session_peer_navigate(peer, url, -1, 0));
}

uint64_t session_peer_measure(struct session_peer *peer, uint32_t page)
{
    Bulkhead__Measure measure = BULKHEAD__MEASURE__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    measure.page = page;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_MEASURE;
    envelope.measure = &measure;
    return session_peer_request(peer, &envelope, -1);
}

void session_peer_resize(struct session_peer *peer, uint32_t width_px, uint32_t height_px, uint32_t buffers)
{
    Bulkhead__Resize resize = BULKHEAD__RESIZE__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    session_peer_drop_memory(peer);
    assert_true(frame_geometry_make(width_px, height_px, buffers, &peer->geometry));
    peer->memory_fd = memfd_create("frames", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(peer->memory_fd, (off_t)frame_memory_bytes(&peer->geometry)), 0);
    assert_int_equal(fcntl(peer->memory_fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL), 0);
    peer->memory = mmap(NULL, frame_memory_bytes(&peer->geometry), PROT_READ, MAP_SHARED, peer->memory_fd, 0);
    assert_ptr_not_equal(peer->memory, MAP_FAILED);
    resize.generation = ++peer->generation;
    resize.width_px = width_px;
    resize.height_px = height_px;
    resize.stride_bytes = peer->geometry.stride_bytes;
    resize.buffer_count = buffers;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_RESIZE;
    envelope.resize = &resize;
    session_peer_tell(peer, &envelope, fcntl(peer->memory_fd, F_DUPFD_CLOEXEC, 0));
}

uint64_t session_peer_paint(struct session_peer *peer, uint32_t page, uint32_t frames_per_second, uint32_t frame_limit)
{
    Bulkhead__Paint paint = BULKHEAD__PAINT__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    paint.page = page;
    paint.scale_x = paint.scale_y = 1;
    paint.frames_per_second = frames_per_second;
    paint.frame_limit = frame_limit;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_PAINT;
    envelope.paint = &paint;
    return session_peer_request(peer, &envelope, -1);
}

void session_peer_release(struct session_peer *peer, uint32_t generation, uint32_t buffer)
{
    Bulkhead__ReleaseBuffer release = BULKHEAD__RELEASE_BUFFER__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    release.generation = generation;
    release.buffer = buffer;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_RELEASE_BUFFER;
    envelope.release_buffer = &release;
    session_peer_tell(peer, &envelope, -1);
}

void session_peer_cancel(struct session_peer *peer, uint64_t request_id)
{
    Bulkhead__Cancel cancel = BULKHEAD__CANCEL__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    cancel.request_id = request_id;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_CANCEL;
    envelope.cancel = &cancel;
    session_peer_tell(peer, &envelope, -1);
}

uint64_t session_peer_ping(struct session_peer *peer)
{
    Bulkhead__Ping ping = BULKHEAD__PING__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_PING;
    envelope.ping = &ping;
    return session_peer_request(peer, &envelope, -1);
}

const uint8_t *session_peer_pixels(const struct session_peer *peer, uint32_t buffer)
{
    return peer->memory + frame_buffer_offset(&peer->geometry, buffer);
}
