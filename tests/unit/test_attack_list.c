/* The broker's list of attempts and the attacker's tables are two ends of one list. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "broker/attack/attack_list_private.h"
#include "renderer/attack/attacker.h"

enum { ATTEMPTS_PROMISED = 60 };

static const struct attack *const tables[] = {
    attack_talk, attack_frames, attack_life, attack_syscalls, attack_deaths, attack_fds, attack_shared,
};

/* How often the attacker has this name. */
static unsigned count_of(const char *name)
{
    unsigned count = 0;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct attack *attack = tables[i]; attack->name != NULL; attack++)
            count += strcmp(attack->name, name) == 0;
    for (const struct attack_call *call = attack_calls; call->name != NULL; call++)
        count += strcmp(call->name, name) == 0;
    return count;
}

static void every_listed_attempt_can_be_made_and_once(void **state)
{
    (void)state;
    assert_true(attack_list_count() >= ATTEMPTS_PROMISED);
    for (size_t i = 0; i < attack_list_count(); i++)
        if (count_of(attack_list_row(i)->name) != 1)
            fail_msg("%s: %u times in renderer/attack/", attack_list_row(i)->name, count_of(attack_list_row(i)->name));
}

static void expect_listed(const char *name)
{
    if (attack_list_find(name) == NULL)
        fail_msg("%s: not in broker/attack_list*.c", name);
}

static void every_attempt_that_can_be_made_is_listed(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
        for (const struct attack *attack = tables[i]; attack->name != NULL; attack++)
            expect_listed(attack->name);
    for (const struct attack_call *call = attack_calls; call->name != NULL; call++)
        expect_listed(call->name);
}

/* A killed call is only believed when a register holds what the attempt put there. */
static void what_is_expected_of_arguments_is_what_is_passed(void **state)
{
    (void)state;
    for (const struct attack_call *call = attack_calls; call->name != NULL; call++) {
        const struct attack_row *row = attack_list_find(call->name);
        for (size_t i = 0; i < ATTACK_ARGUMENTS && row->arguments[i].position != 0; i++) {
            assert_in_range(row->arguments[i].position, 1, 6);
            if (call->arguments[row->arguments[i].position - 1] != row->arguments[i].value)
                fail_msg("%s: argument %u differs", call->name, row->arguments[i].position);
        }
    }
}

static void every_row_explains_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < attack_list_count(); i++) {
        const struct attack_row *row = attack_list_row(i);
        assert_true(strlen(row->tries) > 3);
        assert_true(strlen(row->expected.layer) > 3);
        assert_true(strlen(row->name) < 24);
        assert_non_null(row->expected.detail);
        assert_int_not_equal(row->expected.outcome, ATTACK_NO_OUTCOME);
        assert_int_not_equal(row->expected.outcome, ATTACK_SUCCEEDED);
        assert_ptr_equal(attack_list_find(row->name), row);
    }
}

static void what_is_unlike_is_of_an_attempt_and_says_what_is_left(void **state)
{
    (void)state;
    for (const struct attack_unlike *unlike = attack_list_unlikes; unlike->name != NULL; unlike++) {
        const struct attack_row *row = attack_list_find(unlike->name);
        expect_listed(unlike->name);
        assert_true(strlen(unlike->expected.layer) > 3);
        assert_int_not_equal(unlike->expected.outcome, ATTACK_NO_OUTCOME);
        if (unlike->expected.outcome == row->expected.outcome &&
            strcmp(unlike->expected.detail, row->expected.detail) == 0 &&
            strcmp(unlike->expected.layer, row->expected.layer) == 0)
            fail_msg("%s: unlike in nothing", unlike->name);
        /* The first that fits decides: a second one for the same layer would never be read. */
        for (const struct attack_unlike *other = attack_list_unlikes; other != unlike; other++)
            assert_false(other->missing == unlike->missing && strcmp(other->name, unlike->name) == 0);
    }
}

static void a_layer_takes_those_with_it_that_need_it(void **state)
{
    const struct attack_row *uname = attack_list_find("uname");
    (void)state;
    assert_null(attack_list_unlike(uname, 0));
    assert_null(attack_list_unlike(uname, 1u << BULKHEAD__LAYER_FACT__LAYER__NET_NAMESPACE));
    assert_non_null(attack_list_unlike(uname, 1u << BULKHEAD__LAYER_FACT__LAYER__SECCOMP));
    assert_non_null(attack_list_unlike(uname, 1u << BULKHEAD__LAYER_FACT__LAYER__NO_NEW_PRIVS));
}

/* Whatever the policy says no to must be foreseen where there is no policy. */
static void every_call_the_filter_stops_is_foreseen_without_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < attack_list_count(); i++) {
        const struct attack_row *row = attack_list_row(i);
        if (row->expected.outcome == ATTACK_KILLED &&
            attack_list_unlike(row, 1u << BULKHEAD__LAYER_FACT__LAYER__SECCOMP) == NULL)
            fail_msg("%s: not foreseen without seccomp", row->name);
    }
}

static void families_and_outcomes_have_names_of_their_own(void **state)
{
    (void)state;
    for (enum attack_family family = 0; family < ATTACK_FAMILY_COUNT; family++)
        assert_int_equal(attack_family_find(attack_family_name(family)), family);
    assert_int_equal(attack_family_find("nothing"), ATTACK_FAMILY_COUNT);
    for (enum attack_outcome one = 0; one < ATTACK_OUTCOME_COUNT; one++)
        for (enum attack_outcome other = 0; other < one; other++)
            assert_int_not_equal(attack_outcome_letter(one), attack_outcome_letter(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_listed_attempt_can_be_made_and_once),
        cmocka_unit_test(every_attempt_that_can_be_made_is_listed),
        cmocka_unit_test(what_is_expected_of_arguments_is_what_is_passed),
        cmocka_unit_test(every_row_explains_itself),
        cmocka_unit_test(what_is_unlike_is_of_an_attempt_and_says_what_is_left),
        cmocka_unit_test(a_layer_takes_those_with_it_that_need_it),
        cmocka_unit_test(every_call_the_filter_stops_is_foreseen_without_it),
        cmocka_unit_test(families_and_outcomes_have_names_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
