#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "broker/message_ring.h"

static void add(struct message_ring *ring, bool is_upward, unsigned type, uint64_t request_id, uint64_t at_ns)
{
    message_ring_add(ring, &(struct message_ring_entry){
                               .is_upward = is_upward, .type = type, .request_id = request_id, .at_ns = at_ns});
}

static void lists_both_ways_in_the_order_of_time(void **state)
{
    struct message_ring ring = {0};
    struct message_ring_entry list[MESSAGE_RING_LISTED];
    (void)state;
    assert_int_equal(message_ring_list(&ring, list), 0);
    add(&ring, false, 12, 1, 100);
    add(&ring, true, 12, 1, 300);
    add(&ring, false, 13, 2, 200);
    add(&ring, true, 13, 2, 400);
    assert_int_equal(message_ring_list(&ring, list), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(list[i].at_ns, 100 * (i + 1));
    assert_false(list[1].is_upward);
    assert_true(list[2].is_upward);
    assert_int_equal(list[3].request_id, 2);
    assert_int_equal(list[3].count, 1);
}

static void keeps_the_newest_when_it_is_full(void **state)
{
    struct message_ring ring = {0};
    struct message_ring_entry list[MESSAGE_RING_LISTED];
    (void)state;
    for (unsigned i = 1; i <= 3 * MESSAGE_RING_ENTRIES + 5; i++)
        add(&ring, true, 14, i, i);
    assert_int_equal(message_ring_list(&ring, list), MESSAGE_RING_ENTRIES);
    for (unsigned i = 0; i < MESSAGE_RING_ENTRIES; i++)
        assert_int_equal(list[i].request_id, 2 * MESSAGE_RING_ENTRIES + 6 + i);
}

static void a_flood_from_the_peer_pushes_out_nothing_it_was_asked(void **state)
{
    struct message_ring ring = {0};
    struct message_ring_entry list[MESSAGE_RING_LISTED];
    (void)state;
    add(&ring, false, 12, 1, 1);
    for (unsigned i = 0; i < 1000; i++)
        add(&ring, true, 15 + i % 2, 0, 2 + i);
    assert_int_equal(message_ring_list(&ring, list), 1 + MESSAGE_RING_ENTRIES);
    assert_false(list[0].is_upward);
    assert_int_equal(list[0].type, 12);
}

static void messages_alike_in_a_row_are_one_entry_with_the_time_of_the_last(void **state)
{
    struct message_ring ring = {0};
    struct message_ring_entry list[MESSAGE_RING_LISTED];
    (void)state;
    for (unsigned i = 0; i < 500; i++)
        add(&ring, true, 18, 0, i);
    add(&ring, true, 18, 7, 600);
    add(&ring, true, 18, 0, 700);
    assert_int_equal(message_ring_list(&ring, list), 3);
    assert_int_equal(list[0].count, 500);
    assert_int_equal(list[0].at_ns, 499);
    assert_int_equal(list[1].count, 1);
    assert_int_equal(list[2].count, 1);
}

static void the_refused_message_is_marked_and_only_that(void **state)
{
    struct message_ring ring = {0};
    struct message_ring_entry list[MESSAGE_RING_LISTED];
    (void)state;
    add(&ring, true, 11, 0, 1);
    add(&ring, true, 18, 0, 2);
    add(&ring, true, 18, 0, 3);
    message_ring_refuse(&ring, VIOLATION_WRONG_STATE, false, 4);
    assert_int_equal(message_ring_list(&ring, list), 3);
    assert_int_equal(list[0].violation, VIOLATION_NONE);
    assert_int_equal(list[1].violation, VIOLATION_NONE);
    assert_int_equal(list[1].count, 1);
    assert_int_equal(list[2].violation, VIOLATION_WRONG_STATE);
    assert_int_equal(list[2].type, 18);
    assert_int_equal(list[2].count, 1);
}

static void what_could_not_be_unpacked_has_an_entry_without_a_type(void **state)
{
    struct message_ring ring = {0};
    struct message_ring_entry list[MESSAGE_RING_LISTED];
    (void)state;
    add(&ring, true, 11, 0, 1);
    message_ring_refuse(&ring, VIOLATION_OVERSIZED_MESSAGE, true, 9);
    assert_int_equal(message_ring_list(&ring, list), 2);
    assert_int_equal(list[0].violation, VIOLATION_NONE);
    assert_int_equal(list[1].type, 0);
    assert_int_equal(list[1].violation, VIOLATION_OVERSIZED_MESSAGE);
    assert_int_equal(list[1].at_ns, 9);
}

static void a_refused_message_alone_is_not_doubled(void **state)
{
    struct message_ring ring = {0};
    struct message_ring_entry list[MESSAGE_RING_LISTED];
    (void)state;
    add(&ring, true, 11, 0, 1);
    message_ring_refuse(&ring, VIOLATION_WRONG_STATE, false, 2);
    assert_int_equal(message_ring_list(&ring, list), 1);
    assert_int_equal(list[0].violation, VIOLATION_WRONG_STATE);
    assert_int_equal(list[0].at_ns, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_both_ways_in_the_order_of_time),
        cmocka_unit_test(keeps_the_newest_when_it_is_full),
        cmocka_unit_test(a_flood_from_the_peer_pushes_out_nothing_it_was_asked),
        cmocka_unit_test(messages_alike_in_a_row_are_one_entry_with_the_time_of_the_last),
        cmocka_unit_test(the_refused_message_is_marked_and_only_that),
        cmocka_unit_test(what_could_not_be_unpacked_has_an_entry_without_a_type),
        cmocka_unit_test(a_refused_message_alone_is_not_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
