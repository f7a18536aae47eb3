/* What a new tab costs: from the spare, from the warm zygote with every layer on; bwrap in the same run for comparison.
 */
#include <stdio.h>

#include "tests/support/bench.h"

enum { ROUNDS = 60, BWRAP_ROUNDS = 15 };

/* From the order to the renderer's first message. */
static double open_once(struct broker *broker, bool until_live)
{
    struct bench_tab tab;
    double start = bench_now_ms();
    bench_open(broker, "about:blank", NULL, &tab);
    bench_until(broker, until_live ? &tab.is_live : &tab.is_loading, 5000, "a new tab did not start");
    double took = (until_live ? tab.live_ms : tab.loading_ms) - start;
    bench_close(&tab);
    bench_for(broker, 60); /* the next spare, and the end of this one */
    return took;
}

int main(void)
{
    struct bench_samples spare = {0}, cold = {0}, bwrap = {0};
    bench_title("A new tab, every layer on (tests/bench/bench_start.c)");
    struct broker *broker = bench_broker(1);
    for (int i = 0; i < ROUNDS; i++)
        bench_add(&spare, open_once(broker, true));
    broker_destroy(broker);
    broker = bench_broker(0);
    bench_for(broker, 200);
    open_once(broker, false);
    for (int i = 0; i < ROUNDS; i++)
        bench_add(&cold, open_once(broker, false));
    broker_destroy(broker);
    bench_row("from the spare: order to its first message, median", bench_median(&spare), "ms", "(target: under 0.3)");
    bench_row("from the zygote: order to the renderer's hello, median", bench_median(&cold), "ms", "(target: under 1)");
    if (!bench_has("bwrap")) {
        bench_note("bwrap is not installed: no comparison");
        return 0;
    }
    const char *argv[] = {"bwrap", "--unshare-all", "--ro-bind", "/", "/", "true", NULL};
    for (int i = 0; i < BWRAP_ROUNDS; i++)
        bench_add(&bwrap, bench_command(argv));
    bench_row("bwrap --unshare-all --ro-bind / / true", bench_median(&bwrap), "ms", NULL);
    bench_row("bwrap / zygote", bench_median(&bwrap) / bench_median(&cold), "x", NULL);
    return 0;
}
