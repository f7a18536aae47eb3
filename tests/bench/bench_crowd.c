/* A broker with ten renderers and with a thousand: what one more costs, whether a thousand that sleep slow down the one
 * that does not. And how soon a large frame is in the broker's hands.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/fd.h"
#include "tests/support/bench.h"

enum {
    FEW = 10,
    MANY = 1000,
    FDS_EACH = 8,
    FDS_BESIDE = 200,
    ANSWERS = 250,
    SAMPLED = 20,
    IDLE_MS = 1600, /* a renderer gives back what it can after a second without a request */
    FULL_HD_WIDTH_PX = 1920,
    FULL_HD_HEIGHT_PX = 1080,
    FPS = 30,
    FRAMES_MS = 6000,
};

static struct bench_tab tabs[MANY];

static void open_up_to(struct broker *broker, unsigned have, unsigned wanted)
{
    for (; have < wanted; have++) {
        bench_open(broker, "about:blank", NULL, &tabs[have]);
        bench_until(broker, &tabs[have].is_live, 10000, "a renderer did not start");
    }
}

/* From a request to its answer, through the broker's loop, for the newest of all. */
static double answer_us(struct broker *broker, struct bench_tab *tab)
{
    struct bench_samples samples = {0};
    for (int i = 0; i < ANSWERS; i++) {
        tab->has_bounds = false;
        double start = bench_now_ms();
        tab_measure(tab->tab, 0);
        bench_until(broker, &tab->has_bounds, 5000, "no answer");
        bench_add(&samples, (bench_now_ms() - start) * 1000);
    }
    return bench_median(&samples);
}

static double pss_mb(pid_t pid)
{
    char path[64], text[256];
    double kilobytes = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(text, sizeof text, file) != NULL)
        if (strncmp(text, "Pss:", 4) == 0)
            kilobytes = atof(text + 4);
    if (file != NULL)
        fclose(file);
    return kilobytes / 1024;
}

static void print_memory(void)
{
    struct bench_samples samples = {0};
    for (int i = 0; i < MANY; i += MANY / SAMPLED)
        bench_add(&samples, pss_mb(tab_pid(tabs[i].tab)));
    if (bench_median(&samples) > 0)
        bench_row("memory of each (PSS), median of 20", bench_median(&samples), "MB", NULL);
    else
        bench_note("their memory is not to be read as this user: renderers are not dumpable; run as root");
}

static void crowd(void)
{
    struct rlimit files;
    bench_title("A thousand renderers of about:blank (tests/bench/bench_crowd.c)");
    fd_raise_limit();
    if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur < MANY * FDS_EACH + FDS_BESIDE) {
        bench_note("left out: at most %llu files may be open here", (unsigned long long)files.rlim_cur);
        return;
    }
    struct broker *broker = bench_broker(1);
    open_up_to(broker, 0, FEW);
    bench_for(broker, IDLE_MS);
    double few_us = answer_us(broker, &tabs[FEW - 1]);
    double start = bench_now_ms();
    open_up_to(broker, FEW, MANY);
    double each_ms = (bench_now_ms() - start) / (MANY - FEW);
    bench_for(broker, IDLE_MS);
    double many_us = answer_us(broker, &tabs[MANY - 1]);
    bench_row("opened in, each", each_ms, "ms", NULL);
    print_memory();
    bench_row("request to answer beside 9 others, median", few_us, "us", NULL);
    bench_row("request to answer beside 999 others, median", many_us, "us", NULL);
    bench_row("999 others / 9 others", many_us / few_us, "x", "(target: at most 1.5)");
    for (int i = 0; i < MANY; i++)
        bench_close(&tabs[i]);
    broker_destroy(broker);
}

static void hand_over(void)
{
    static const struct tab_view view = {.width_px = FULL_HD_WIDTH_PX,
                                         .height_px = FULL_HD_HEIGHT_PX,
                                         .scale_x = 1,
                                         .scale_y = 1,
                                         .frames_per_second = FPS};
    struct broker *broker = bench_broker(1);
    struct bench_tab tab;
    struct counters counters;
    int error;
    bench_open(broker, "about:clock", NULL, &tab);
    bench_until(broker, &tab.is_live, 5000, "a tab did not start");
    tab_paint(tab.tab, &view, &error);
    bench_for(broker, FRAMES_MS);
    counters_init(&counters);
    tab_add_counters(tab.tab, &counters);
    const struct counter *frames = &counters.to_broker[BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY];
    bench_title("Frames of 1920 x 1080 from one renderer (tests/bench/bench_crowd.c)");
    bench_row("frames", (double)frames->messages, "", NULL);
    if (frames->latency != NULL) {
        bench_row("frame ready to the broker's hands, median",
                  (double)histogram_percentile(frames->latency, 0.5) / 1000, "us", "(target: under 50)");
        bench_row("the same, p99", (double)histogram_percentile(frames->latency, 0.99) / 1000, "us", NULL);
    }
    bench_row("bytes through the socket for each frame", (double)frames->bytes / (double)frames->messages, "",
              "(of 6220800 in the picture)");
    counters_fini(&counters);
    bench_close(&tab);
    broker_destroy(broker);
}

int main(void)
{
    crowd();
    hand_over();
    return 0;
}
