/* Painting, seen from the broker: buffers, scenes, cancels, input, heartbeat. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/clock.h"
#include "tests/support/fake_engine.h"
#include "tests/support/session_peer.h"

/* How long nothing must happen for a test to believe that nothing will: three frames of the slowest scene here. */
enum { QUIET_MS = 60 };

static struct session_peer peer;

static int setup(void **state)
{
    (void)state;
    session_peer_start(&peer, 0);
    session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_HELLO, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    session_peer_fini(&peer);
    return 0;
}

static Bulkhead__FrameReady expect_frame(uint64_t request)
{
    return *session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY, request)->frame_ready;
}

static uint64_t scroll(int32_t x_px)
{
    Bulkhead__Scroll message = BULKHEAD__SCROLL__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    message.x_px = x_px;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_SCROLL;
    envelope.scroll = &message;
    return session_peer_request(&peer, &envelope, -1);
}

static void queue_input(uint32_t code)
{
    Bulkhead__Input message = BULKHEAD__INPUT__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    message.code = code;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_INPUT;
    envelope.input = &message;
    assert_int_equal(channel_send(peer.channel, &envelope.base, NULL, 0), CHANNEL_OK);
}

static void assert_shade(uint32_t buffer, uint8_t shade)
{
    const uint8_t *pixels = session_peer_pixels(&peer, buffer);

    for (uint32_t y = 0; y < peer.geometry.height_px; y++)
        for (uint32_t x = 0; x < peer.geometry.width_px * 3; x++)
            assert_int_equal(pixels[y * peer.geometry.stride_bytes + x], shade);
}

static void paints_only_what_there_is_into_what_there_is(void **state)
{
    (void)state;
    session_peer_expect_error(&peer, session_peer_paint(&peer, 0, 0, 0), BULKHEAD__ERROR__CODE__NO_DOCUMENT);
    session_peer_open(&peer, "fake:");
    session_peer_expect_error(&peer, session_peer_paint(&peer, 0, 0, 0), BULKHEAD__ERROR__CODE__NO_FRAME_MEMORY);
    session_peer_resize(&peer, 20, 10, 1);
    session_peer_expect_error(&peer, session_peer_paint(&peer, 3, 0, 0), BULKHEAD__ERROR__CODE__NO_SUCH_PAGE);
    expect_frame(session_peer_paint(&peer, 2, 0, 0));
}

static void paints_into_the_memory_it_was_given(void **state)
{
    const struct frame_header *header;
    Bulkhead__FrameReady frame;

    (void)state;
    session_peer_open(&peer, "fake:");
    session_peer_resize(&peer, 33, 17, 3);
    frame = expect_frame(session_peer_paint(&peer, 1, 0, 0));
    assert_int_equal(frame.generation, peer.generation);
    assert_int_equal(frame.sequence, 1);
    assert_int_equal(frame.page, 1);
    assert_int_equal(frame.n_damage, 0); /* a first frame is all new, whatever the engine says */
    assert_shade(frame.buffer, fake_engine_shade(1, 0, 0, 0));
    header = (const struct frame_header *)(const void *)peer.memory;
    assert_int_equal(header->buffers[frame.buffer].begin, 1);
    assert_int_equal(header->buffers[frame.buffer].end, 1);
    frame = expect_frame(scroll(5));
    assert_int_equal(frame.sequence, 2);
    assert_shade(frame.buffer, fake_engine_shade(1, 5, 0, 0));
}

static void passes_on_why_a_page_cannot_be_painted(void **state)
{
    (void)state;
    session_peer_open(&peer, "fake:failing");
    session_peer_resize(&peer, 20, 10, 1);
    session_peer_expect_error(&peer, session_peer_paint(&peer, 0, 0, 0), BULKHEAD__ERROR__CODE__DAMAGED);
    /* The one buffer was not lost to the failure. */
    session_peer_expect_error(&peer, session_peer_paint(&peer, 1, 0, 0), BULKHEAD__ERROR__CODE__DAMAGED);
}

static void waits_for_a_buffer_rather_than_paint_over_one_that_is_read(void **state)
{
    Bulkhead__FrameReady first, second, third;
    uint64_t waiting;

    (void)state;
    session_peer_open(&peer, "fake:");
    session_peer_resize(&peer, 20, 10, 2);
    first = expect_frame(session_peer_paint(&peer, 0, 0, 0));
    second = expect_frame(session_peer_paint(&peer, 1, 0, 0));
    assert_int_not_equal(first.buffer, second.buffer);
    waiting = session_peer_paint(&peer, 2, 0, 0);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
    assert_shade(first.buffer, fake_engine_shade(0, 0, 0, 0));
    session_peer_release(&peer, peer.generation, second.buffer);
    third = expect_frame(waiting);
    assert_int_equal(third.buffer, second.buffer);
    assert_shade(third.buffer, fake_engine_shade(2, 0, 0, 0));
}

static void counts_as_idle_while_it_waits_for_the_broker(void **state)
{
    uint64_t ping;

    (void)state;
    session_peer_open(&peer, "fake:");
    session_peer_resize(&peer, 20, 10, 1);
    expect_frame(session_peer_paint(&peer, 0, 0, 0));
    session_peer_paint(&peer, 0, 0, 0);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
    ping = session_peer_ping(&peer);
    assert_int_equal(session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, ping)->pong->busy_request_id, 0);
}

static void gives_up_a_waiting_paint_for_new_memory(void **state)
{
    uint64_t waiting;

    (void)state;
    session_peer_open(&peer, "fake:");
    session_peer_resize(&peer, 20, 10, 1);
    expect_frame(session_peer_paint(&peer, 0, 0, 0));
    waiting = session_peer_paint(&peer, 1, 0, 0);
    session_peer_resize(&peer, 40, 30, 1);
    session_peer_expect_error(&peer, waiting, BULKHEAD__ERROR__CODE__CANCELLED);
    assert_shade(expect_frame(session_peer_paint(&peer, 2, 0, 0)).buffer, fake_engine_shade(2, 0, 0, 0));
}

static void paints_a_scene_frame_after_frame_until_its_limit(void **state)
{
    uint64_t request, begin_ns = clock_now_ns();

    (void)state;
    session_peer_open(&peer, "fake:animated");
    session_peer_resize(&peer, 20, 10, 3);
    request = session_peer_paint(&peer, 0, 100, 5);
    for (uint32_t i = 0; i < 5; i++) {
        Bulkhead__FrameReady frame = expect_frame(request);

        assert_int_equal(frame.sequence, i + 1);
        assert_int_equal(frame.n_damage, i == 0 ? 0 : 1);
        assert_shade(frame.buffer, fake_engine_shade(0, 0, i, 0));
        session_peer_release(&peer, frame.generation, frame.buffer);
    }
    /* Frame k is due k/100 s after the start: no sooner, whatever the machine does. */
    assert_true(clock_now_ns() - begin_ns >= 40 * 1000000ull);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
}

static void lets_scene_frames_go_while_no_buffer_is_free(void **state)
{
    Bulkhead__FrameReady frame;
    uint64_t request;

    (void)state;
    session_peer_open(&peer, "fake:animated");
    session_peer_resize(&peer, 20, 10, 1);
    request = session_peer_paint(&peer, 0, 100, 0);
    frame = expect_frame(request);
    assert_int_equal(frame.skipped, 0);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
    session_peer_release(&peer, frame.generation, frame.buffer);
    frame = expect_frame(request);
    assert_int_equal(frame.sequence, 2);
    assert_in_range(frame.skipped, 1, 1000);
}

static void stops_a_scene_that_is_cancelled(void **state)
{
    uint64_t request;
    const Bulkhead__ToBroker *last;

    (void)state;
    session_peer_open(&peer, "fake:animated");
    session_peer_resize(&peer, 20, 10, 3);
    request = session_peer_paint(&peer, 0, 50, 0);
    expect_frame(request);
    session_peer_cancel(&peer, request);
    do {
        last = session_peer_next(&peer);
    } while (last->message_case == BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY);
    assert_int_equal(last->message_case, BULKHEAD__TO_BROKER__MESSAGE_ERROR);
    assert_int_equal(last->request_id, request);
    assert_int_equal(last->error->code, BULKHEAD__ERROR__CODE__CANCELLED);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
}

/* Frames of the scene before may still be under way. */
static Bulkhead__FrameReady expect_frame_past(uint64_t old_request, uint64_t request)
{
    const Bulkhead__ToBroker *envelope;

    do {
        envelope = session_peer_next(&peer);
        assert_int_equal(envelope->message_case, BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY);
        session_peer_release(&peer, envelope->frame_ready->generation, envelope->frame_ready->buffer);
    } while (envelope->request_id == old_request);
    assert_int_equal(envelope->request_id, request);
    return *envelope->frame_ready;
}

static void ends_a_scene_for_the_next_paint(void **state)
{
    uint64_t scene, single;

    (void)state;
    session_peer_open(&peer, "fake:animated");
    session_peer_resize(&peer, 20, 10, 3);
    scene = session_peer_paint(&peer, 0, 100, 0);
    expect_frame_past(0, scene);
    single = session_peer_paint(&peer, 1, 0, 0);
    assert_int_equal(expect_frame_past(scene, single).page, 1);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
}

static void goes_on_with_a_scene_that_is_scrolled(void **state)
{
    uint64_t scene, scrolled;

    (void)state;
    session_peer_open(&peer, "fake:animated");
    session_peer_resize(&peer, 20, 10, 3);
    scene = session_peer_paint(&peer, 0, 100, 0);
    expect_frame_past(0, scene);
    scrolled = scroll(9);
    assert_int_equal(expect_frame_past(scene, scrolled).n_damage, 0);
    assert_int_equal(expect_frame_past(scene, scrolled).n_damage, 1);
}

static void paints_a_document_that_is_no_scene_once(void **state)
{
    (void)state;
    session_peer_open(&peer, "fake:");
    session_peer_resize(&peer, 20, 10, 3);
    expect_frame(session_peer_paint(&peer, 0, 100, 0));
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
}

static void answers_pings_while_it_paints(void **state)
{
    uint64_t paint, ping, beat;
    const Bulkhead__Pong *pong;

    (void)state;
    session_peer_open(&peer, "fake:slow");
    session_peer_resize(&peer, 20, 10, 1);
    paint = session_peer_paint(&peer, 0, 0, 0);
    do {
        ping = session_peer_ping(&peer);
        pong = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, ping)->pong;
    } while (pong->busy_request_id != paint);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
    pong = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, session_peer_ping(&peer))->pong;
    beat = pong->beat;
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
    pong = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, session_peer_ping(&peer))->pong;
    assert_int_equal(pong->busy_request_id, paint);
    assert_int_equal(pong->beat, beat);
}

static void beats_while_the_engine_gets_on(void **state)
{
    uint64_t paint, beat;
    const Bulkhead__ToBroker *envelope;

    (void)state;
    session_peer_open(&peer, "fake:steady");
    session_peer_resize(&peer, 20, 10, 1);
    paint = session_peer_paint(&peer, 0, 0, 0);
    beat = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, session_peer_ping(&peer))->pong->beat;
    do {
        envelope = session_peer_next_any(&peer);
    } while (envelope->message_case != BULKHEAD__TO_BROKER__MESSAGE_PROGRESS);
    assert_int_equal(envelope->request_id, paint);
    envelope = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, session_peer_ping(&peer));
    assert_true(envelope->pong->beat > beat);
}

static void gives_up_a_paint_that_is_cancelled(void **state)
{
    uint64_t running, queued;

    (void)state;
    session_peer_open(&peer, "fake:slow");
    session_peer_resize(&peer, 20, 10, 1);
    running = session_peer_paint(&peer, 0, 0, 0);
    queued = session_peer_paint(&peer, 1, 0, 0);
    session_peer_cancel(&peer, queued);
    session_peer_cancel(&peer, running);
    session_peer_expect_error(&peer, running, BULKHEAD__ERROR__CODE__CANCELLED);
    session_peer_expect_error(&peer, queued, BULKHEAD__ERROR__CODE__CANCELLED);
    session_peer_cancel(&peer, running); /* answered long ago: nothing to do */
    session_peer_open(&peer, "fake:");
    expect_frame(session_peer_paint(&peer, 0, 0, 0)); /* the one buffer is still its own */
}

static void paints_once_after_a_burst_of_input(void **state)
{
    uint64_t request;
    uint8_t shade;
    Bulkhead__FrameReady frame;

    (void)state;
    session_peer_open(&peer, "fake:");
    session_peer_resize(&peer, 20, 10, 2);
    request = session_peer_paint(&peer, 0, 0, 0);
    expect_frame(request);
    queue_input('a');
    queue_input('b');
    queue_input('n'); /* changes nothing, but what came before did */
    channel_flush(peer.channel);
    /* In one packet they are as good as always all queued when the first is done; a frame between is allowed. */
    do {
        frame = expect_frame(request);
        shade = session_peer_pixels(&peer, frame.buffer)[0];
        session_peer_release(&peer, frame.generation, frame.buffer);
    } while (shade != fake_engine_shade(0, 0, 0, 2));
    assert_int_equal(frame.n_damage, 1);
    queue_input('n');
    channel_flush(peer.channel);
    assert_true(session_peer_is_silent(&peer, QUIET_MS));
}

static void reports_progress_now_and_then_only(void **state)
{
    uint64_t request;
    const Bulkhead__ToBroker *envelope;
    unsigned reports = 0;
    uint64_t begin_ms = clock_now_ms();

    (void)state;
    session_peer_open(&peer, "fake:chatty");
    session_peer_resize(&peer, 20, 10, 1);
    request = session_peer_paint(&peer, 0, 0, 0);
    for (;;) {
        envelope = session_peer_next_any(&peer);
        if (envelope->message_case != BULKHEAD__TO_BROKER__MESSAGE_PROGRESS)
            break;
        assert_int_equal(envelope->request_id, request);
        assert_int_equal(envelope->progress->total, 1000);
        reports++;
    }
    assert_int_equal(envelope->message_case, BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY);
    assert_in_range(reports, 1, 1 + (clock_now_ms() - begin_ms) / 50);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(paints_only_what_there_is_into_what_there_is),
        CASE(paints_into_the_memory_it_was_given),
        CASE(passes_on_why_a_page_cannot_be_painted),
        CASE(waits_for_a_buffer_rather_than_paint_over_one_that_is_read),
        CASE(counts_as_idle_while_it_waits_for_the_broker),
        CASE(gives_up_a_waiting_paint_for_new_memory),
        CASE(paints_a_scene_frame_after_frame_until_its_limit),
        CASE(lets_scene_frames_go_while_no_buffer_is_free),
        CASE(stops_a_scene_that_is_cancelled),
        CASE(ends_a_scene_for_the_next_paint),
        CASE(goes_on_with_a_scene_that_is_scrolled),
        CASE(paints_a_document_that_is_no_scene_once),
        CASE(answers_pings_while_it_paints),
        CASE(beats_while_the_engine_gets_on),
        CASE(gives_up_a_paint_that_is_cancelled),
        CASE(paints_once_after_a_burst_of_input),
        CASE(reports_progress_now_and_then_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
