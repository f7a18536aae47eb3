/* A session in a child process, driven as the broker drives it, with an engine whose answers are known: how it begins
 * and ends, documents, files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/support/fake_engine.h"
#include "tests/support/session_peer.h"

static struct session_peer peer;

static int setup(void **state)
{
    (void)state;
    session_peer_start(&peer, 0);
    session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_HELLO, 0);
    return 0;
}

static int setup_silent(void **state)
{
    (void)state;
    session_peer_start(&peer, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    session_peer_fini(&peer);
    return 0;
}

static void answer_file(uint64_t request, Bulkhead__OpenFileReply__Status status, const char *content)
{
    Bulkhead__OpenFileReply message = BULKHEAD__OPEN_FILE_REPLY__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;
    int fd = -1;

    message.status = status;
    if (content) {
        fd = memfd_create("inside", MFD_CLOEXEC);
        message.size_bytes = strlen(content);
        assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    }
    envelope.request_id = request;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_OPEN_FILE_REPLY;
    envelope.open_file_reply = &message;
    session_peer_tell(&peer, &envelope, fd);
}

static void tell_empty(Bulkhead__ToRenderer__MessageCase type)
{
    Bulkhead__Shutdown shutdown = BULKHEAD__SHUTDOWN__INIT;
    Bulkhead__Fork fork_order = BULKHEAD__FORK__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    envelope.message_case = type;
    if (type == BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN)
        envelope.shutdown = &shutdown;
    else
        envelope.fork = &fork_order;
    session_peer_tell(&peer, &envelope, -1);
}

static void welcome(uint32_t version, uint32_t id)
{
    Bulkhead__Welcome message = BULKHEAD__WELCOME__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    message.protocol_version = version;
    message.renderer_id = id;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_WELCOME;
    envelope.welcome = &message;
    session_peer_tell(&peer, &envelope, -1);
}

static void assert_bytes(ProtobufCBinaryData bytes, const char *text)
{
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.len);
}

static void assert_exit_status(int expected)
{
    int status = session_peer_wait(&peer);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), expected);
}

static void says_hello_with_id_versions_and_layers(void **state)
{
    const Bulkhead__Hello *hello = session_peer_next(&peer)->hello;

    (void)state;
    assert_non_null(hello);
    assert_int_equal(hello->protocol_version, PROTOCOL_VERSION);
    assert_int_equal(hello->renderer_id, SESSION_PEER_ID);
    assert_bytes(hello->engine_version, "fake 1");
    assert_int_equal(hello->n_layers, 1);
    assert_int_equal(hello->layers[0]->layer, BULKHEAD__LAYER_FACT__LAYER__SECCOMP);
    assert_true(hello->layers[0]->in_force);
    assert_bytes(hello->layers[0]->evidence, "as a test says");
}

static void accepts_a_welcome_that_is_meant_for_it(void **state)
{
    (void)state;
    welcome(PROTOCOL_VERSION, SESSION_PEER_ID);
    session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PONG, session_peer_ping(&peer));
}

static void leaves_when_welcomed_in_another_version(void **state)
{
    (void)state;
    welcome(PROTOCOL_VERSION + 1, SESSION_PEER_ID);
    assert_exit_status(1);
}

static void leaves_when_welcomed_as_somebody_else(void **state)
{
    (void)state;
    welcome(PROTOCOL_VERSION, SESSION_PEER_ID + 1);
    assert_exit_status(1);
}

static void leaves_on_an_order_that_is_not_for_renderers(void **state)
{
    (void)state;
    tell_empty(BULKHEAD__TO_RENDERER__MESSAGE_FORK);
    assert_exit_status(1);
}

static void tells_what_a_document_is(void **state)
{
    uint64_t request = session_peer_navigate(&peer, "fake:", -1, 0);
    const Bulkhead__DocumentInfo *info =
        session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, request)->document_info;

    (void)state;
    assert_bytes(info->format, "fake");
    assert_bytes(info->title, "fake");
    assert_int_equal(info->page_count, FAKE_ENGINE_PAGES);
    assert_true(info->page_width_pt == 100 && info->page_height_pt == 200);
    assert_false(info->animated);
}

static void opens_the_file_that_came_with_the_order(void **state)
{
    int fd = memfd_create("document", MFD_CLOEXEC);
    uint64_t request;

    (void)state;
    assert_int_equal(write(fd, "by hand", 7), 7);
    request = session_peer_navigate(&peer, "", fd, 7);
    assert_bytes(session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, request)->document_info->title,
                 "by hand");
}

/* The same order with an end of the shared buffer; fd -1 = without a descriptor. */
static uint64_t navigate_with_end(const char *url, Bulkhead__Navigate__SharedBuffer end, int fd)
{
    Bulkhead__Navigate navigate = BULKHEAD__NAVIGATE__INIT;
    Bulkhead__ToRenderer envelope = BULKHEAD__TO_RENDERER__INIT;

    navigate.url = codec_bytes(url, strlen(url));
    navigate.shared_buffer = end;
    envelope.message_case = BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE;
    envelope.navigate = &navigate;
    return session_peer_request(&peer, &envelope, fd);
}

static void what_comes_as_an_end_of_the_shared_buffer_is_no_document(void **state)
{
    int fd = memfd_create("shared", MFD_CLOEXEC);
    uint64_t request;

    (void)state;
    assert_int_equal(write(fd, "by hand", 7), 7);
    request = navigate_with_end("fake:", BULKHEAD__NAVIGATE__SHARED_BUFFER__READER, fd);
    assert_bytes(session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, request)->document_info->title,
                 "fake");
}

static void leaves_when_a_document_comes_with_an_end_of_the_shared_buffer(void **state)
{
    (void)state;
    navigate_with_end("", BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER, memfd_create("shared", MFD_CLOEXEC));
    assert_exit_status(1);
}

static void leaves_when_an_end_of_the_shared_buffer_comes_without_a_descriptor(void **state)
{
    (void)state;
    navigate_with_end("fake:", BULKHEAD__NAVIGATE__SHARED_BUFFER__READER, -1);
    assert_exit_status(1);
}

static void leaves_when_no_end_of_the_shared_buffer_comes_with_a_descriptor(void **state)
{
    (void)state;
    navigate_with_end("fake:", BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN, memfd_create("shared", MFD_CLOEXEC));
    assert_exit_status(1);
}

static void cuts_a_title_where_it_stops_being_utf8(void **state)
{
    uint64_t request = session_peer_navigate(&peer, "fake:badtitle", -1, 0);

    (void)state;
    assert_bytes(session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, request)->document_info->title,
                 "ok\xc3\xa4");
}

static void passes_on_why_a_document_cannot_be_opened(void **state)
{
    uint64_t request = session_peer_navigate(&peer, "fake:damaged", -1, 0);
    const Bulkhead__Error *error = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_ERROR, request)->error;

    (void)state;
    assert_int_equal(error->code, BULKHEAD__ERROR__CODE__DAMAGED);
    assert_bytes(error->detail, "bent");
    session_peer_expect_error(&peer, session_peer_measure(&peer, 0), BULKHEAD__ERROR__CODE__NO_DOCUMENT);
}

static void says_so_when_no_engine_takes_a_document(void **state)
{
    (void)state;
    session_peer_expect_error(&peer, session_peer_navigate(&peer, "about:blank", -1, 0),
                              BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT);
}

static void ends_as_out_of_memory_when_the_engine_is(void **state)
{
    (void)state;
    session_peer_navigate(&peer, "fake:oom", -1, 0);
    assert_exit_status(86);
}

static void measures_pages_that_exist(void **state)
{
    uint64_t request;
    const Bulkhead__PageInfo *info;

    (void)state;
    session_peer_expect_error(&peer, session_peer_measure(&peer, 0), BULKHEAD__ERROR__CODE__NO_DOCUMENT);
    session_peer_open(&peer, "fake:nan");
    request = session_peer_measure(&peer, 2);
    info = session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO, request)->page_info;
    assert_int_equal(info->page, 2);
    assert_true(info->x0_pt == 1 && info->y0_pt == 2 && info->x1_pt == 103 && info->y1_pt == 202);
    session_peer_expect_error(&peer, session_peer_measure(&peer, 1), BULKHEAD__ERROR__CODE__DAMAGED);
    session_peer_expect_error(&peer, session_peer_measure(&peer, 3), BULKHEAD__ERROR__CODE__NO_SUCH_PAGE);
    session_peer_expect_error(&peer, session_peer_measure(&peer, UINT32_MAX), BULKHEAD__ERROR__CODE__NO_SUCH_PAGE);
}

static void asks_the_broker_for_files(void **state)
{
    uint64_t request = session_peer_navigate(&peer, fake_engine_url("fake:file"), -1, 0);
    const Bulkhead__ToBroker *envelope = session_peer_next(&peer);

    (void)state;
    assert_int_equal(envelope->message_case, BULKHEAD__TO_BROKER__MESSAGE_OPEN_FILE);
    assert_bytes(envelope->open_file->path, "inside");
    assert_true(envelope->request_id >> 63); /* no number the broker gives out */
    answer_file(envelope->request_id, BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED, "let in");
    assert_bytes(session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, request)->document_info->title,
                 "let in");
}

static void tells_the_engine_when_a_file_is_refused(void **state)
{
    uint64_t request = session_peer_navigate(&peer, fake_engine_url("fake:file"), -1, 0);
    uint64_t file = session_peer_next(&peer)->request_id;

    (void)state;
    answer_file(file + 1, BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED, "not what was asked for");
    answer_file(file, BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE, NULL);
    assert_bytes(session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, request)->document_info->title,
                 "EACCES");
}

static void stops_waiting_for_a_file_when_cancelled(void **state)
{
    uint64_t request = session_peer_navigate(&peer, fake_engine_url("fake:file"), -1, 0);
    uint64_t file = session_peer_next(&peer)->request_id;

    (void)state;
    session_peer_cancel(&peer, request);
    session_peer_expect_error(&peer, request, BULKHEAD__ERROR__CODE__CANCELLED);
    answer_file(file, BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED, "too late");
    session_peer_open(&peer, "fake:");
}

static void tells_with_a_pong_what_it_did_and_when(void **state)
{
    const Bulkhead__ToBroker *envelope;
    bool saw_navigate = false, saw_paint = false;

    (void)state;
    session_peer_open(&peer, "fake:");
    session_peer_resize(&peer, 20, 10, 1);
    session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY, session_peer_paint(&peer, 0, 0, 0));
    session_peer_ping(&peer);
    envelope = session_peer_next_any(&peer);
    assert_int_equal(envelope->message_case, BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY);
    for (size_t i = 0; i < envelope->activity->n_handled; i++) {
        const Bulkhead__Handled *handled = envelope->activity->handled[i];

        assert_true(handled->start_ns <= handled->end_ns && handled->end_ns <= clock_now_ns());
        if (handled->type != 0)
            assert_true(handled->sent_ns > 0 && handled->sent_ns <= handled->start_ns);
        saw_navigate |= handled->type == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE && handled->request_id == 1;
        saw_paint |= handled->type == 0 && handled->label.len == 5 && memcmp(handled->label.data, "paint", 5) == 0;
    }
    assert_true(saw_navigate && saw_paint);
    assert_int_equal(session_peer_next_any(&peer)->message_case, BULKHEAD__TO_BROKER__MESSAGE_PONG);
}

static void refuses_more_requests_than_it_can_keep(void **state)
{
    uint64_t last = 0;

    (void)state;
    session_peer_open(&peer, "fake:slow");
    session_peer_resize(&peer, 20, 10, 1);
    session_peer_paint(&peer, 0, 0, 0);
    for (int i = 0; i < 300; i++)
        last = session_peer_measure(&peer, 0);
    for (;;) {
        const Bulkhead__ToBroker *envelope = session_peer_next(&peer);

        assert_int_equal(envelope->message_case, BULKHEAD__TO_BROKER__MESSAGE_ERROR);
        assert_int_equal(envelope->error->code, BULKHEAD__ERROR__CODE__REFUSED);
        if (envelope->request_id == last)
            break;
    }
}

static void leaves_when_told_even_in_the_middle_of_a_paint(void **state)
{
    (void)state;
    session_peer_open(&peer, "fake:slow");
    session_peer_resize(&peer, 20, 10, 1);
    session_peer_paint(&peer, 0, 0, 0);
    tell_empty(BULKHEAD__TO_RENDERER__MESSAGE_SHUTDOWN);
    assert_exit_status(0);
}

static void leaves_when_the_broker_is_gone(void **state)
{
    int status;

    (void)state;
    session_peer_open(&peer, "fake:slow");
    session_peer_resize(&peer, 20, 10, 1);
    session_peer_paint(&peer, 0, 0, 0);
    channel_destroy(peer.channel);
    peer.channel = NULL;
    assert_int_equal(waitpid(peer.pid, &status, 0), peer.pid);
    peer.pid = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void expect_warning(const Bulkhead__Warning *warning, Bulkhead__Warning__Kind kind, uint32_t page,
                           const char *words)
{
    assert_int_equal(warning->kind, kind);
    assert_int_equal(warning->page, page);
    assert_int_equal(warning->detail.len, strlen(words));
    assert_memory_equal(warning->detail.data, words, strlen(words));
}

static void each_answer_takes_along_what_its_own_job_complained_of(void **state)
{
    (void)state;
    const Bulkhead__Warning__Kind damage = BULKHEAD__WARNING__KIND__DAMAGE, note = BULKHEAD__WARNING__KIND__NOTE;
    uint64_t request = session_peer_navigate(&peer, fake_engine_url("fake:complaining"), -1, 0);
    const Bulkhead__DocumentInfo *info =
        session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, request)->document_info;
    assert_int_equal(info->n_warnings, 2);
    expect_warning(info->warnings[0], damage, 0, "no index");
    expect_warning(info->warnings[1], note, 1, "no box"); /* its first page was measured for it */
    request = session_peer_measure(&peer, 2);
    const Bulkhead__PageInfo *page =
        session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO, request)->page_info;
    assert_int_equal(page->n_warnings, 1);
    expect_warning(page->warnings[0], note, 3, "no box");
    session_peer_resize(&peer, 8, 8, 1);
    request = session_peer_paint(&peer, 1, 0, 0);
    const Bulkhead__FrameReady *frame =
        session_peer_expect(&peer, BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY, request)->frame_ready;
    assert_int_equal(frame->n_warnings, 1);
    expect_warning(frame->warnings[0], damage, 2, "half a picture");
    assert_int_equal(frame->warnings_left_out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(says_hello_with_id_versions_and_layers, setup_silent, teardown),
        CASE(accepts_a_welcome_that_is_meant_for_it),
        CASE(leaves_when_welcomed_in_another_version),
        CASE(leaves_when_welcomed_as_somebody_else),
        CASE(leaves_on_an_order_that_is_not_for_renderers),
        CASE(tells_what_a_document_is),
        CASE(opens_the_file_that_came_with_the_order),
        CASE(what_comes_as_an_end_of_the_shared_buffer_is_no_document),
        CASE(leaves_when_a_document_comes_with_an_end_of_the_shared_buffer),
        CASE(leaves_when_an_end_of_the_shared_buffer_comes_without_a_descriptor),
        CASE(leaves_when_no_end_of_the_shared_buffer_comes_with_a_descriptor),
        CASE(cuts_a_title_where_it_stops_being_utf8),
        CASE(passes_on_why_a_document_cannot_be_opened),
        CASE(says_so_when_no_engine_takes_a_document),
        CASE(ends_as_out_of_memory_when_the_engine_is),
        CASE(measures_pages_that_exist),
        CASE(each_answer_takes_along_what_its_own_job_complained_of),
        CASE(asks_the_broker_for_files),
        CASE(tells_the_engine_when_a_file_is_refused),
        CASE(stops_waiting_for_a_file_when_cancelled),
        CASE(tells_with_a_pong_what_it_did_and_when),
        CASE(refuses_more_requests_than_it_can_keep),
        CASE(leaves_when_told_even_in_the_middle_of_a_paint),
        CASE(leaves_when_the_broker_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
