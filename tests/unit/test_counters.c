#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/counters.h"

static void percentile_of_one_value_is_within_an_eighth(void **state)
{
    (void)state;
    for (uint64_t ns = 1024; ns < 60ull * 1000 * 1000 * 1000; ns += ns / 7) {
        struct histogram histogram = {0};
        uint64_t median;

        histogram_add(&histogram, ns);
        histogram_add(&histogram, UINT64_MAX); /* so that the maximum does not correct the answer */
        median = histogram_percentile(&histogram, 0.25);
        assert_true(median > ns);
        assert_true(median - ns <= ns / 8);
    }
}

static void percentiles_of_known_samples_come_out(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    for (uint64_t us = 1; us <= 1000; us++)
        histogram_add(&histogram, us * 1000);
    assert_int_equal(histogram.count, 1000);
    assert_in_range(histogram_percentile(&histogram, 0.5), 500 * 1000, 563 * 1000);
    assert_in_range(histogram_percentile(&histogram, 0.99), 990 * 1000, 1000 * 1000);
    assert_int_equal(histogram_percentile(&histogram, 1), 1000 * 1000);
    assert_in_range(histogram_percentile(&histogram, 0), 1000, 1152);
}

static void empty_histogram_says_zero(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
}

static void survives_extreme_samples_and_fractions(void **state)
{
    struct histogram histogram = {0};

    (void)state;
    histogram_add(&histogram, 0);
    assert_int_equal(histogram_percentile(&histogram, 0.5), 0);
    histogram_add(&histogram, UINT64_MAX);
    histogram_add(&histogram, UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 0.9), UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, 7), UINT64_MAX);
    assert_int_equal(histogram_percentile(&histogram, -1), 128);
    assert_int_equal(histogram_percentile(&histogram, NAN), 128);
}

static void merged_histograms_equal_one_that_saw_everything(void **state)
{
    struct histogram all = {0}, odd = {0}, even = {0};

    (void)state;
    for (uint64_t i = 0; i < 5000; i++) {
        uint64_t ns = i * i * 37;

        histogram_add(&all, ns);
        histogram_add(i % 2 ? &odd : &even, ns);
    }
    histogram_merge(&odd, &even);
    assert_memory_equal(&odd, &all, sizeof(all));
}

static void full_buckets_stay_full(void **state)
{
    struct histogram histogram = {0}, other = {0};

    (void)state;
    histogram.buckets[0] = UINT32_MAX;
    histogram_add(&histogram, 5);
    assert_int_equal(histogram.buckets[0], UINT32_MAX);
    other.buckets[0] = 1;
    histogram_merge(&other, &histogram);
    assert_int_equal(other.buckets[0], UINT32_MAX);
}

static void merging_counters_adds_every_figure(void **state)
{
    struct counters a, b;

    (void)state;
    counters_init(&a);
    counters_init(&b);
    counter_add(&a.to_renderer[15], 100, 1);
    counter_add(&b.to_renderer[15], 11, 2);
    counter_add(&b.to_broker[63], 7, 0);
    b.to_broker[63].drops = 5;
    b.packets_in = 3;
    a.packets_out = 4;
    counter_add_latency(&b.to_broker[63], 5000);
    counters_merge(&a, &b);
    assert_int_equal(a.to_renderer[15].messages, 2);
    assert_int_equal(a.to_renderer[15].bytes, 111);
    assert_int_equal(a.to_renderer[15].fds, 3);
    assert_int_equal(a.to_broker[63].drops, 5);
    assert_int_equal(a.packets_in, 3);
    assert_int_equal(a.packets_out, 4);
    assert_null(a.to_renderer[15].latency);
    assert_int_equal(a.to_broker[63].latency->count, 1);
    assert_ptr_not_equal(a.to_broker[63].latency, b.to_broker[63].latency);
    assert_int_equal(counters_messages(a.to_renderer), 2);
    assert_int_equal(counters_messages(a.to_broker), 1);
    counters_fini(&a);
    counters_fini(&b);
    assert_null(a.to_broker[63].latency);
    counters_fini(&a); /* twice does no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentile_of_one_value_is_within_an_eighth),
        cmocka_unit_test(percentiles_of_known_samples_come_out),
        cmocka_unit_test(empty_histogram_says_zero),
        cmocka_unit_test(survives_extreme_samples_and_fractions),
        cmocka_unit_test(merged_histograms_equal_one_that_saw_everything),
        cmocka_unit_test(full_buckets_stay_full),
        cmocka_unit_test(merging_counters_adds_every_figure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
