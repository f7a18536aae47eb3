#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crash_record.h"

static struct crash_record *make_record(void)
{
    struct crash_record *record = calloc(1, sizeof(*record));

    assert_non_null(record);
    record->magic = CRASH_RECORD_MAGIC;
    record->version = CRASH_RECORD_VERSION;
    record->kind = CRASH_SIGNAL;
    record->signal = SIGSEGV;
    record->frame_count = CRASH_FRAMES;
    record->register_count = CRASH_REGISTERS;
    record->code_count = CRASH_CODE_BYTES;
    record->stack_count = CRASH_STACK_BYTES;
    return record;
}

static int setup(void **state)
{
    *state = make_record();
    return 0;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

static void believes_a_full_record(void **state)
{
    assert_true(crash_record_validate(*state));
}

static void ends_an_endless_note(void **state)
{
    struct crash_record *record = *state;

    memset(record->note, 'x', sizeof(record->note));
    assert_true(crash_record_validate(record));
    assert_int_equal(strlen(record->note), CRASH_NOTE_BYTES - 1);
}

static void refuses_memory_that_was_never_written(void **state)
{
    memset(*state, 0, sizeof(struct crash_record));
    assert_false(crash_record_validate(*state));
    memset(*state, 0xff, sizeof(struct crash_record));
    assert_false(crash_record_validate(*state));
}

static void refuses_a_record_whose_magic_is_still_missing(void **state)
{
    struct crash_record *record = *state;

    record->magic = 0;
    assert_false(crash_record_validate(record));
    record->magic = CRASH_RECORD_MAGIC;
    record->version++;
    assert_false(crash_record_validate(record));
}

static void refuses_each_count_beyond_its_array(void **state)
{
    struct crash_record *record = *state;
    uint32_t *counts[] = {&record->frame_count, &record->register_count, &record->code_count, &record->stack_count};

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        uint32_t honest = *counts[i];

        *counts[i] = honest + 1;
        assert_false(crash_record_validate(record));
        *counts[i] = UINT32_MAX;
        assert_false(crash_record_validate(record));
        *counts[i] = honest;
        assert_true(crash_record_validate(record));
    }
}

static bool accepts(struct crash_record *record, uint32_t kind, int32_t number)
{
    record->kind = kind;
    record->signal = number;
    return crash_record_validate(record);
}

static void takes_only_signals_that_fit_the_kind(void **state)
{
    struct crash_record *record = *state;
    const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

    for (size_t i = 0; i < sizeof(fatal) / sizeof(fatal[0]); i++)
        assert_true(accepts(record, CRASH_SIGNAL, fatal[i]));
    assert_false(accepts(record, CRASH_SIGNAL, SIGKILL));
    assert_true(accepts(record, CRASH_SIGNAL, SIGSYS)); /* a kill(2), not the policy */
    assert_false(accepts(record, CRASH_SIGNAL, 0));
    assert_true(accepts(record, CRASH_SYSCALL, SIGSYS));
    assert_false(accepts(record, CRASH_SYSCALL, SIGSEGV));
    assert_true(accepts(record, CRASH_OUT_OF_MEMORY, 0));
    assert_true(accepts(record, CRASH_STACK_SAMPLE, SIGUSR2));
    assert_false(accepts(record, CRASH_STACK_SAMPLE, -1));
    assert_false(accepts(record, CRASH_STACK_SAMPLE, 4711));
    assert_false(accepts(record, CRASH_NONE, 0));
    assert_false(accepts(record, CRASH_STACK_SAMPLE + 1, SIGSEGV));
    assert_false(accepts(record, UINT32_MAX, SIGSEGV));
}

static void memory_holds_a_record_in_whole_pages(void **state)
{
    (void)state;
    assert_int_equal(CRASH_RECORD_BYTES % 4096, 0);
    assert_true(CRASH_RECORD_BYTES >= sizeof(struct crash_record));
}

static void every_kind_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (unsigned i = 0; i <= CRASH_STACK_SAMPLE; i++) {
        assert_string_not_equal(crash_kind_name(i), "unknown");
        for (unsigned j = 0; j < i; j++)
            assert_string_not_equal(crash_kind_name(i), crash_kind_name(j));
    }
    assert_string_equal(crash_kind_name(CRASH_STACK_SAMPLE + 1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(believes_a_full_record, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_an_endless_note, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_memory_that_was_never_written, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_a_record_whose_magic_is_still_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_each_count_beyond_its_array, setup, teardown),
        cmocka_unit_test_setup_teardown(takes_only_signals_that_fit_the_kind, setup, teardown),
        cmocka_unit_test(memory_holds_a_record_in_whole_pages),
        cmocka_unit_test(every_kind_has_a_name_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
