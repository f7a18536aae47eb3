/* The main thread. Pings, cancels and returned buffers are dealt with here at once; everything that needs the engine
 * goes to the paint thread, which answers by itself (session_channel.h says how the two share the channel). Nothing
 * here waits for the paint thread, so a renderer whose engine is busy, hung or held up by a broker that does not read
 * still answers and still ends when told.
 *
 * System calls after session_create(), both threads, channel and allocator included:
 *   sendmsg recvmsg ppoll close          the channel and fds from it
 *   futex                                mutexes and condition variables (timed ones by CLOCK_MONOTONIC)
 *   mmap munmap brk                      frame memory (MAP_SHARED of a received memfd, read and write); malloc
 *   write                                a last line on stderr
 *   exit_group                           the caller's _exit
 *   clock_gettime                        only on hosts whose clock the vDSO cannot read
 * For crash tests to end as they should: getpid, gettid, rt_sigprocmask and tgkill with SIGABRT for abort(). */
#include "renderer/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/limits.h"
#include "common/log.h"
#include "renderer/crash_handler.h"
#include "renderer/engine/engine.h"
#include "renderer/session_dispatch.h"

enum {
    SESSION_EXIT_BROKEN = 1,
    /* How often a paint is asked how far it is. */
    SESSION_WATCH_NS = 50 * 1000 * 1000,
};

int session_create(int channel_fd, uint32_t renderer_id, struct session **ret_session)
{
    struct session *session = calloc(1, sizeof(*session));
    int error;

    if (!session) {
        close(channel_fd);
        return -ENOMEM;
    }
    session->renderer_id = renderer_id;
    session_activity_init(&session->activity);
    error = session_channel_init(&session->channel, channel_fd);
    if (error < 0) {
        free(session);
        return error;
    }
    error = crash_handler_thread_init(0);
    if (error == 0)
        error = paint_thread_create(&session->channel, &session->activity, &session->paint);
    if (error < 0) {
        session_channel_fini(&session->channel);
        free(session);
        return error;
    }
    *ret_session = session;
    return 0;
}

void session_await_ready(struct session *session)
{
    paint_thread_await_ready(session->paint);
}

/* "scenes 0.1.0, MuPDF 1.21.1" */
static void session_engine_versions(char *out, size_t out_bytes)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; engines[i] && used < out_bytes; i++)
        used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", i ? ", " : "", engines[i]->version());
}

static int session_say_hello(struct session *session, const struct cell_facts *facts)
{
    Bulkhead__LayerFact storage[CELL_LAYERS], *list[CELL_LAYERS];
    Bulkhead__Hello hello = BULKHEAD__HELLO__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    char versions[256];

    session_engine_versions(versions, sizeof(versions));
    hello.protocol_version = PROTOCOL_VERSION;
    hello.renderer_id = session->renderer_id;
    hello.engine_version = codec_bytes(versions, strlen(versions));
    hello.n_layers = cell_facts_list(facts, storage, list);
    hello.layers = list;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_HELLO;
    envelope.hello = &hello;
    return session_channel_queue(&session->channel, &envelope);
}

/* Handles what is there, up to a turn's worth, once there is something if it may wait. CHANNEL_EMPTY, CHANNEL_OK when
 * there may be more, CHANNEL_END, or what makes it impossible to go on. */
static int session_take_messages(struct session *session, bool may_wait)
{
    for (unsigned i = 0; i < CHANNEL_TURN_MESSAGES && !session->is_told_to_go; i++) {
        struct channel_message message;
        int result = session_channel_receive(&session->channel, may_wait && i == 0, &message);

        if (result != CHANNEL_OK)
            return result;
        result = session_dispatch(session, &message);
        if (result < 0)
            return result;
        /* The broker says little at a time; poll tells of more without our asking. */
        if (!session_channel_has_buffered(&session->channel))
            break;
    }
    return CHANNEL_OK;
}

/* The end of a turn. True if only the broker can bring news now: whoever receives may sleep in it. False after a wait
 * for more than that. */
static bool session_wait(struct session *session)
{
    struct pollfd pollfd = {.fd = session_channel_fd(&session->channel), .events = POLLIN};
    struct timespec watch = {.tv_nsec = SESSION_WATCH_NS};
    bool is_watching = session_dispatch_watch_paint(session);

    session_activity_report(&session->activity, &session->channel, SESSION_ACTIVITY_BATCH);
    if (session_channel_flush(&session->channel) == CHANNEL_PENDING)
        pollfd.events |= POLLOUT;
    if (!is_watching && (pollfd.events & POLLOUT) == 0)
        return true;
    ppoll(&pollfd, 1, is_watching ? &watch : NULL, NULL);
    return false;
}

static int session_end(const struct session *session, int result)
{
    if (result == CHANNEL_END || session->is_told_to_go)
        return 0;
    if (result == CHANNEL_VIOLATION)
        log_write(LOG_ERROR, "renderer=%u broker_violates=\"%s\"", session->renderer_id,
                  violation_name(channel_violation(session->channel.channel)));
    else
        log_write(LOG_ERROR, "renderer=%u error=\"%s\"", session->renderer_id, strerror(-result));
    return SESSION_EXIT_BROKEN;
}

int session_run(struct session *session, const struct cell_facts *facts)
{
    int result = session_say_hello(session, facts);

    while (result == CHANNEL_OK || result == CHANNEL_EMPTY) {
        bool may_wait = !session_channel_has_buffered(&session->channel) && session_wait(session);
        result = session_take_messages(session, may_wait);
        if (session->is_told_to_go)
            break;
    }
    return session_end(session, result);
}
