/* The hashing child, and errands in general: bounded, killed in time, reaped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash/document_hash.h"
#include "broker/crash/errand.h"
#include "common/clock.h"
#include "common/fd.h"
#include "tests/support/process.h"
#include "tests/support/scratch.h"

enum { DEADLINE_MS = 30000 };

struct hashing {
    int calls;
    char sum[DOCUMENT_HASH_BYTES];
    char why[64];
};

struct fixture {
    void *scratch; // scratch.h's state
    int fds_before;
    struct loop *loop;
    struct hashing hashing;
    struct errand_result result;
    char text[32];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_int_equal(scratch_make(&f->scratch), 0);
    f->fds_before = fd_count_open();
    assert_int_equal(loop_create(&f->loop), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loop_destroy(f->loop);
    assert_int_equal(fd_count_open(), f->fds_before);
    errno = 0;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    scratch_remove(&f->scratch);
    free(f);
    return 0;
}

static void on_hash(struct document_hash_job *job, const char *sha256, const char *why, void *userdata)
{
    struct hashing *hashing = userdata;
    assert_non_null(job);
    assert_true((sha256 == NULL) != (why == NULL));
    snprintf(hashing->sum, sizeof hashing->sum, "%s", sha256 != NULL ? sha256 : "");
    snprintf(hashing->why, sizeof hashing->why, "%s", why != NULL ? why : "");
    hashing->calls++;
}

static void run_until(struct fixture *f, const int *calls)
{
    uint64_t deadline = clock_now_ms() + DEADLINE_MS;
    while (*calls == 0) {
        assert_true(clock_now_ms() < deadline);
        assert_int_equal(loop_run_once(f->loop, DEADLINE_MS), 0);
    }
    assert_int_equal(*calls, 1);
}

static struct document *write_document(struct fixture *f, const void *data, size_t bytes)
{
    struct document *document;
    char path[SCRATCH_PATH];
    scratch_write(&f->scratch, "document", data, bytes);
    assert_int_equal(document_open(scratch_path(&f->scratch, "document", path), &document), DOCUMENT_OK);
    return document;
}

static const struct hashing *hash(struct fixture *f, const void *data, size_t bytes)
{
    struct document_hash_job *job;
    struct document *document = write_document(f, data, bytes);
    f->hashing = (struct hashing){0};
    assert_int_equal(document_hash_start(f->loop, document, on_hash, &f->hashing, &job), 0);
    document_unref(document); // the child has a descriptor of its own
    run_until(f, &f->hashing.calls);
    return &f->hashing;
}

/* FIPS 180-2, appendix B: "abc" and a million times "a". */
static void hashes_as_the_standard_says(void **state)
{
    char *million = malloc(1000 * 1000);
    memset(million, 'a', 1000 * 1000);
    assert_string_equal(hash(*state, "abc", 3)->sum,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_string_equal(hash(*state, million, 1000 * 1000)->sum,
                        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void two_hashers_of_one_document_do_not_share_an_offset(void **state)
{
    struct fixture *f = *state;
    struct hashing second = {0};
    struct document_hash_job *job;
    struct document *document = write_document(f, "abc", 3);
    assert_int_equal(document_hash_start(f->loop, document, on_hash, &f->hashing, &job), 0);
    assert_int_equal(document_hash_start(f->loop, document, on_hash, &second, &job), 0);
    document_unref(document);
    run_until(f, &f->hashing.calls);
    run_until(f, &second.calls);
    assert_memory_equal(f->hashing.sum, "ba7816bf", 8);
    assert_string_equal(f->hashing.sum, second.sum);
}

static void a_page_of_the_program_has_no_sum(void **state)
{
    struct fixture *f = *state;
    struct document *document;
    struct document_hash_job *job = NULL;
    assert_int_equal(document_open("about:clock", &document), DOCUMENT_OK);
    assert_int_equal(document_hash_start(f->loop, document, on_hash, &f->hashing, &job), -ENOENT);
    assert_null(job);
    document_unref(document);
}

static void a_cancelled_job_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    struct document_hash_job *job;
    struct document *document = write_document(f, "abc", 3);
    assert_int_equal(document_hash_start(f->loop, document, on_hash, &f->hashing, &job), 0);
    document_hash_cancel(job);
    document_hash_cancel(NULL);
    document_unref(document);
    assert_int_equal(loop_run_once(f->loop, 0), 0);
    assert_int_equal(f->hashing.calls, 0);
}

/* Five seconds, of which it does nothing. The document is one hole, too large to be read before the child is stopped.
 */
static void a_child_that_stands_still_is_killed_at_the_deadline(void **state)
{
    struct fixture *f = *state;
    struct document_hash_job *job;
    struct document *document;
    char path[SCRATCH_PATH];
    scratch_write(&f->scratch, "document", "", 0);
    assert_int_equal(truncate(scratch_path(&f->scratch, "document", path), (off_t)1 << 36), 0);
    assert_int_equal(document_open(path, &document), DOCUMENT_OK);
    assert_int_equal(document_hash_start(f->loop, document, on_hash, &f->hashing, &job), 0);
    document_unref(document);
    pid_t pid = process_only_child();
    if (pid == 0) { /* a kernel without CONFIG_PROC_CHILDREN */
        document_hash_cancel(job);
        print_message("skipped: this kernel lists no children\n");
        skip();
    }
    assert_int_equal(kill(pid, SIGSTOP), 0);
    run_until(f, &f->hashing.calls);
    assert_string_equal(f->hashing.sum, "");
    assert_string_equal(f->hashing.why, "it took too long to read");
}

static void on_errand(struct errand *errand, const struct errand_result *result, void *userdata)
{
    struct fixture *f = userdata;
    assert_non_null(errand);
    assert_true(result->text_bytes < sizeof f->text);
    memcpy(f->text, result->text, result->text_bytes);
    f->result = *result;
    f->hashing.calls++;
}

static void send(struct fixture *f, int input_fd, uint32_t deadline_ms, size_t most_bytes)
{
    struct errand *errand;
    f->hashing.calls = 0;
    assert_int_equal(errand_start(f->loop, ERRAND_HASH, input_fd, deadline_ms, most_bytes, on_errand, f, &errand), 0);
    run_until(f, &f->hashing.calls);
}

static void what_cannot_be_read_is_told_by_the_exit_code(void **state)
{
    struct fixture *f = *state;
    _fd_cleanup_ int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    send(f, directory, DEADLINE_MS, 16);
    assert_false(errand_succeeded(&f->result));
    assert_int_equal(f->result.wait_code, CLD_EXITED);
    assert_int_equal(f->result.wait_status, 4);
    assert_int_equal(f->result.text_bytes, 0);
}

static void more_than_was_asked_for_is_read_and_forgotten(void **state)
{
    struct fixture *f = *state;
    _fd_cleanup_ int empty = open("/dev/null", O_RDONLY | O_CLOEXEC);
    send(f, empty, DEADLINE_MS, 10);
    assert_true(errand_succeeded(&f->result));
    assert_int_equal(f->result.text_bytes, 10);
    assert_memory_equal(f->text, "e3b0c44298", 10);
}

static void an_errand_over_its_time_is_killed(void **state)
{
    struct fixture *f = *state;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    send(f, ends[0], 50, 10); /* nobody ever writes */
    close(ends[0]);
    close(ends[1]);
    assert_true(f->result.is_late);
    assert_false(errand_succeeded(&f->result));
    assert_int_equal(f->result.wait_code, CLD_KILLED);
    assert_int_equal(f->result.wait_status, SIGKILL);
}

#ifndef BULKHEAD_SANITIZED
static bool is_in_strict_mode(void *userdata)
{
    char path[64], text[8192] = "";
    snprintf(path, sizeof path, "/proc/%d/status", *(pid_t *)userdata);
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 && read(fd, text, sizeof text - 1) > 0 && strstr(text, "\nSeccomp:\t1\n") != NULL;
}
#endif

static void the_hashing_child_may_only_read_write_and_exit(void **state)
{
#ifdef BULKHEAD_SANITIZED
    (void)state;
    print_message("skipped: the sanitizers' runtime calls more\n");
    skip();
#else
    struct fixture *f = *state;
    struct errand *errand;
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(errand_start(f->loop, ERRAND_HASH, ends[0], DEADLINE_MS, 10, on_errand, f, &errand), 0);
    pid_t pid = process_only_child();
    bool is_strict = pid > 0 && process_wait_until(is_in_strict_mode, &pid, DEADLINE_MS);
    errand_cancel(errand);
    close(ends[0]);
    close(ends[1]);
    if (pid == 0) {
        print_message("skipped: this kernel lists no children\n");
        skip();
    }
    assert_true(is_strict);
#endif
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(hashes_as_the_standard_says),
        TEST(two_hashers_of_one_document_do_not_share_an_offset),
        TEST(a_page_of_the_program_has_no_sum),
        TEST(a_cancelled_job_leaves_nothing_behind),
        TEST(a_child_that_stands_still_is_killed_at_the_deadline),
        TEST(what_cannot_be_read_is_told_by_the_exit_code),
        TEST(more_than_was_asked_for_is_read_and_forgotten),
        TEST(an_errand_over_its_time_is_killed),
        TEST(the_hashing_child_may_only_read_write_and_exit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
