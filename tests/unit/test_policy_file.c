// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/policy_file.h"
#include "common/fd.h"

struct fixture {
    char path[64];
    int fds_before;
    struct policy policy, untouched;
    char error[256];
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->fds_before = fd_count_open();
    snprintf(f->path, sizeof f->path, "/tmp/bulkhead-policy-XXXXXX");
    int fd = mkstemp(f->path);
    fd_close(&fd);
    policy_init_defaults(&f->policy);
    f->policy.ping_interval_ms = 777; // what is in force already
    memcpy(&f->untouched, &f->policy, sizeof f->policy);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    unlink(f->path);
    int left = fd_count_open() - f->fds_before;
    free(f);
    return left;
}

static int load_bytes(struct fixture *f, const char *text, size_t size_bytes)
{
    _fd_cleanup_ int fd = open(f->path, O_WRONLY | O_TRUNC | O_CLOEXEC);

    assert_int_equal(fd_write_all(fd, text, size_bytes), 0);
    f->error[0] = '\0';
    return policy_load(&f->policy, f->path, f->error, sizeof f->error);
}

static void assert_refused(struct fixture *f, const char *text, const char *error)
{
    assert_int_equal(load_bytes(f, text, strlen(text)), -EINVAL);
    assert_string_equal(f->error, error);
    assert_memory_equal(&f->policy, &f->untouched, sizeof f->policy);
}

static void reads_every_key(void **state)
{
    static const char text[] =
        "{\"start_timeout_ms\": 101, \"ping_interval_ms\": 102, \"unresponsive_after_ms\": 103,\n"
        " \"hung_after_ms\": 104, \"request_timeout_ms\": 105, \"memory_limit_bytes\": 5000000000,\n"
        " \"files_allowed\": false, \"file_limit_bytes\": 6000000000, \"files_per_document\": 107,\n"
        " \"quarantine_ends\": 8, \"reload_backoff_ms\": 109, \"messages_per_second\": 110,\n"
        " \"shutdown_deadline_ms\": 111, \"log_text_bytes_per_second\": 112}\n";
    struct fixture *f = *state;

    assert_int_equal(load_bytes(f, text, sizeof text - 1), 0);
    assert_int_equal(f->policy.start_timeout_ms, 101);
    assert_int_equal(f->policy.ping_interval_ms, 102);
    assert_int_equal(f->policy.unresponsive_after_ms, 103);
    assert_int_equal(f->policy.hung_after_ms, 104);
    assert_int_equal(f->policy.request_timeout_ms, 105);
    assert_true(f->policy.memory_limit_bytes == 5000000000);
    assert_false(f->policy.files_allowed);
    assert_true(f->policy.file_limit_bytes == 6000000000);
    assert_int_equal(f->policy.files_per_document, 107);
    assert_int_equal(f->policy.quarantine_ends, 8);
    assert_int_equal(f->policy.reload_backoff_ms, 109);
    assert_int_equal(f->policy.messages_per_second, 110);
    assert_int_equal(f->policy.shutdown_deadline_ms, 111);
    assert_int_equal(f->policy.log_text_bytes_per_second, 112);
}

static void what_a_file_leaves_out_is_the_default(void **state)
{
    struct fixture *f = *state;
    struct policy defaults;

    policy_init_defaults(&defaults);
    assert_int_equal(load_bytes(f, "{}", 2), 0);
    assert_int_equal(f->policy.ping_interval_ms, defaults.ping_interval_ms); // not the 777 that was in force
    assert_int_equal(f->policy.log_text_bytes_per_second, defaults.log_text_bytes_per_second);
    assert_int_equal(f->policy.files_allowed, defaults.files_allowed);
    assert_int_equal(defaults.memory_limit_bytes, 1 << 30);
    assert_int_equal(defaults.quarantine_ends, 3);
}

static void an_unknown_key_is_refused_with_the_nearest_name(void **state)
{
    struct fixture *f = *state;

    assert_refused(f, "{\n  \"quarantine_ends\": 2,\n  \"ping_intervall\": 5\n}",
                   "line 3: \"ping_intervall\" is not a policy key; did you mean \"ping_interval_ms\"?");
    assert_refused(f, "{\"zebra\": 5}", "line 1: \"zebra\" is not a policy key");
    assert_refused(f, "{\"\\u001b[2J\": 5}", "\"\\x1b[2J\" is not a policy key");
}

static void a_number_out_of_range_is_refused(void **state)
{
    static const char range[] = "line 1: \"ping_interval_ms\" must be a whole number from 20 to 60000";
    struct fixture *f = *state;

    assert_refused(f, "{\"ping_interval_ms\": 19}", range);
    assert_refused(f, "{\"ping_interval_ms\": 60001}", range);
    assert_refused(f, "{\"ping_interval_ms\": -1}", range);
    assert_refused(f, "{\"ping_interval_ms\": 4294967396}", range); // 100 in 32 bits
    assert_refused(f, "{\"ping_interval_ms\": 100.0}", range);
    assert_refused(f, "{\"ping_interval_ms\": \"100\"}", range);
    assert_refused(f, "{\"ping_interval_ms\": null}", range);
    assert_refused(f, "{\"quarantine_ends\": 9,\n\"files_allowed\": 1}",
                   "line 2: \"files_allowed\" must be true or false");
}

static void what_is_no_json_object_is_refused_with_its_line(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(load_bytes(f, "{\n\n\"a\" 1}", 9), -EINVAL);
    assert_non_null(strstr(f->error, "line 3: "));
    assert_refused(f, "[1]", "line 1: the policy must be a JSON object");
    assert_int_equal(load_bytes(f, "", 0), -EINVAL);
    assert_int_equal(load_bytes(f, "{\"quarantine_ends\": 2, \"quarantine_ends\": 4}", 44), -EINVAL);
    assert_non_null(strstr(f->error, "duplicate"));
    assert_int_equal(load_bytes(f, "{\"\xff\": 1}", 8), -EINVAL);
    assert_int_equal(load_bytes(f, "{\"quarantine_ends\": 2} x", 24), -EINVAL);
    assert_memory_equal(&f->policy, &f->untouched, sizeof f->policy);
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(policy_load(&f->policy, "/tmp", f->error, sizeof f->error), -EISDIR);
    assert_int_equal(policy_load(&f->policy, "/nonexistent", f->error, sizeof f->error), -ENOENT);
    assert_string_equal(f->error, "No such file or directory");
    assert_int_equal(policy_load(&f->policy, "/dev/zero", f->error, sizeof f->error), -ENOTSUP);
    unlink(f->path);
    assert_int_equal(mkfifo(f->path, 0600), 0);
    assert_int_equal(policy_load(&f->policy, f->path, f->error, sizeof f->error), -ENOTSUP);
    assert_string_equal(f->error, "not a regular file");
}

static void a_huge_file_is_refused_unread(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(truncate(f->path, 1 << 30), 0);
    assert_int_equal(policy_load(&f->policy, f->path, f->error, sizeof f->error), -EFBIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(reads_every_key),
        TEST(what_a_file_leaves_out_is_the_default),
        TEST(an_unknown_key_is_refused_with_the_nearest_name),
        TEST(a_number_out_of_range_is_refused),
        TEST(what_is_no_json_object_is_refused_with_its_line),
        TEST(what_is_no_regular_file_is_refused_without_waiting),
        TEST(a_huge_file_is_refused_unread),
    };
    return cmocka_run_group_tests_name("policy_file", tests, NULL, NULL);
}
