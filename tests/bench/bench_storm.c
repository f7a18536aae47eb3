/* A thousand renderers killed at random moments, and a minute of mutated messages from hostile ones: what is left over,
 * what the neighbours felt. Both end with figures that are to be 0; tests/integration/test_storm.c asserts on shorter
 * ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/output/progress.h"
#include "tests/support/bench.h"
#include "tests/support/storm.h"

enum { KILLS = 1000, LIFE_MS_MAX = 40, SEED = 1, MUTATION_MS = 60000 };

static struct progress progress;

static void show(size_t done, size_t total)
{
    progress_show(&progress, done, total, "storm");
}

static void print_left_over(const struct storm_result *result)
{
    bench_row("ends reported more than once", (double)result->ends_again, "", "(target: 0)");
    bench_row("zombies", (double)result->zombies, "", "(target: 0)");
    bench_row("fds more than before", (double)result->fds_after - (double)result->fds_before, "", "(target: 0)");
    bench_row("broker's memory, growth after the first tenth",
              ((double)result->resident_after - (double)result->resident_before) / (1 << 20), "MB", "(target: flat)");
    bench_row("processes left when the broker has ended", (double)result->processes_left, "", "(target: 0)");
    bench_row("frames a second each neighbour painted meanwhile",
              (double)result->neighbour_frames / STORM_NEIGHBOURS / result->seconds, "", "(of 60)");
    bench_row("frames the neighbours lost", (double)result->neighbour_lost, "", NULL);
}

static void print_causes(const struct storm_result *result)
{
    for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++)
        if (result->causes[cause] > 0)
            bench_note("%8llu %s", (unsigned long long)result->causes[cause], exit_cause_name((enum exit_cause)cause));
}

static void check(int error)
{
    progress_hide(&progress);
    if (error < 0) {
        fprintf(stderr, "benchmark: the storm broke off: %s\n", strerror(-error));
        exit(1);
    }
}

int main(void)
{
    struct storm_result result;
    progress_init(&progress, stderr, isatty(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_NONE);
    check(storm_kill(KILLS, LIFE_MS_MAX, SEED, show, &result));
    bench_title("Kill storm: renderers killed in the first 40 ms of their lives (tests/bench/bench_storm.c)");
    bench_row("renderers killed", (double)result.renderers, "", NULL);
    bench_row("a second", (double)result.renderers / result.seconds, "", NULL);
    bench_row("ends reported", (double)result.ends, "", "(of 1000)");
    print_causes(&result);
    print_left_over(&result);
    check(storm_mutate(MUTATION_MS, show, &result));
    bench_title("A minute of mutated messages from four hostile renderers (tests/bench/bench_storm.c)");
    bench_row("messages the broker took, a second", (double)result.messages / result.seconds, "",
              "(target: 10000 sent)");
    bench_row("hostile renderers, one after the other", (double)result.renderers, "", NULL);
    print_causes(&result);
    print_left_over(&result);
    return 0;
}
