/* Crashes beside painting neighbours: frames they lose, and how soon the broker knows. Memory of idle renderers. Many
 * tabs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bench.h"

enum { NEIGHBOURS = 4, CRASHES = 20, TABS = 100, FPS = 60 };

static void animate(struct bench_tab *tab, uint32_t width, uint32_t height, uint32_t fps)
{
    const struct tab_view view = {
        .width_px = width, .height_px = height, .scale_x = 1, .scale_y = 1, .frames_per_second = fps};
    int error;
    tab_paint(tab->tab, &view, &error);
}

static void crash_beside(void)
{
    struct broker *broker = bench_broker(1);
    struct bench_tab neighbours[NEIGHBOURS], victim;
    struct bench_samples noticed = {0};
    uint64_t lost = 0, painted = 0;
    for (int i = 0; i < NEIGHBOURS; i++) {
        bench_open(broker, "about:plasma", NULL, &neighbours[i]);
        bench_until(broker, &neighbours[i].is_live, 5000, "a neighbour did not start");
        animate(&neighbours[i], 160, 96, FPS);
    }
    bench_for(broker, 500);
    for (int i = 0; i < NEIGHBOURS; i++) {
        lost -= tab_frames_lost(neighbours[i].tab);
        painted -= tab_frames_received(neighbours[i].tab);
    }
    double start = bench_now_ms();
    for (int round = 0; round < CRASHES; round++) {
        bench_open(broker, "about:clock", NULL, &victim);
        bench_until(broker, &victim.is_live, 5000, "the victim did not start");
        animate(&victim, 160, 96, FPS);
        bench_for(broker, 60);
        double ordered = bench_now_ms();
        tab_crash_test(victim.tab, BULKHEAD__CRASH_TEST__KIND__WILD_WRITE);
        bench_until(broker, &victim.has_ended, 5000, "the victim did not crash");
        bench_add(&noticed, victim.ended_ms - ordered);
        bench_close(&victim);
        bench_for(broker, 60);
    }
    double seconds = (bench_now_ms() - start) / 1000;
    for (int i = 0; i < NEIGHBOURS; i++) {
        lost += tab_frames_lost(neighbours[i].tab);
        painted += tab_frames_received(neighbours[i].tab);
        bench_close(&neighbours[i]);
    }
    bench_title("Crashes beside painting neighbours (tests/bench/bench_neighbours.c)");
    bench_row("frames the neighbours lost", (double)lost, "", "(target: 0)");
    bench_row("frames a second each neighbour painted meanwhile", (double)painted / NEIGHBOURS / seconds, "",
              "(of 60)");
    bench_row("order to crash, to the broker's \"crashed\", median", bench_median(&noticed), "ms",
              "(target: under 1, from the fault)");
    broker_destroy(broker);
}

/* Kilobytes of a line of /proc/PID/smaps_rollup; -1 where it may not be read. */
static double smaps(pid_t pid, const char *line)
{
    char path[64], text[256];
    double value = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(text, sizeof text, file) != NULL)
        if (strncmp(text, line, strlen(line)) == 0)
            value = atof(text + strlen(line));
    if (file != NULL)
        fclose(file);
    return value;
}

enum { IDLE_MS = 1600 /* a renderer gives back what it can after a second without a request */ };

static void open_and_paint(struct broker *broker, const char *location, struct bench_tab *ret_tab)
{
    bench_open(broker, location, NULL, ret_tab);
    bench_until(broker, &ret_tab->is_live, 5000, "a document did not open");
    if (strncmp(location, "about:", 6) == 0)
        return;
    tab_measure(ret_tab->tab, 0);
    bench_until(broker, &ret_tab->has_bounds, 5000, "a page has no bounds");
    const struct tab_view view = bench_view(ret_tab, 1);
    int error;
    tab_paint(ret_tab->tab, &view, &error);
    bench_until(broker, &ret_tab->has_frame, 5000, "a page was not painted");
}

static void memory(void)
{
    static const struct {
        const char *location, *name, *target;
    } rows[] = {
        {"demo/pages/tour.pdf", "a PDF, a page painted", "(target: under 3)"},
        {"demo/pages/hangul.html", "an HTML page in Korean, painted", "(target: under 3)"},
        {"about:blank", "about:blank", "(target: under 1)"},
    };
    enum { ROWS = sizeof rows / sizeof rows[0] };
    struct broker *broker = bench_broker(1);
    struct bench_tab tabs[ROWS];
    for (int i = 0; i < ROWS; i++)
        open_and_paint(broker, rows[i].location, &tabs[i]);
    bench_for(broker, IDLE_MS);
    bench_title("Memory of an idle renderer, PSS from smaps_rollup (tests/bench/bench_neighbours.c)");
    if (smaps(tab_pid(tabs[0].tab), "Pss:") < 0)
        bench_note("not to be read as this user: renderers are not dumpable; run as root");
    for (int i = 0; i < ROWS; i++) {
        double pss = smaps(tab_pid(tabs[i].tab), "Pss:"), dirty = smaps(tab_pid(tabs[i].tab), "Private_Dirty:");
        if (pss >= 0) {
            bench_row(rows[i].name, pss / 1024, "MB", rows[i].target);
            bench_row("  of it private and dirty", dirty / 1024, "MB", NULL);
        }
        bench_close(&tabs[i]);
    }
    broker_destroy(broker);
}

static void many_tabs(void)
{
    static struct bench_tab tabs[TABS];
    struct broker *broker = bench_broker(1);
    struct bench_samples pings = {0};
    uint64_t painted = 0;
    for (int i = 0; i < TABS; i++) {
        bench_open(broker, "about:plasma", NULL, &tabs[i]);
        bench_until(broker, &tabs[i].is_live, 5000, "a tab did not start");
        animate(&tabs[i], 80, 48, 10);
    }
    double start = bench_now_ms();
    bench_for(broker, 6000);
    double seconds = (bench_now_ms() - start) / 1000;
    for (int i = 0; i < TABS; i++) {
        bench_add(&pings, (double)tab_ping_p99_ns(tabs[i].tab) / 1e6);
        painted += tab_frames_received(tabs[i].tab);
        bench_close(&tabs[i]);
    }
    bench_title("100 tabs of about:plasma thumbnails, 80x48 at 10 a second (tests/bench/bench_neighbours.c)");
    bench_row("ping, the worst tab's p99", bench_percentile(&pings, 1), "ms", "(target: under 50)");
    bench_row("frames a second, all tabs", (double)painted / seconds, "", "(of 1000)");
    broker_destroy(broker);
}

int main(void)
{
    crash_beside();
    memory();
    many_tabs();
    return 0;
}
