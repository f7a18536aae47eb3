/* What the walls cost: a cell and a renderer with every layer, with each left out in turn, and against a plain fork;
 * painting with the filter on against off; and how many calls the filter lets through. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/policy_table.h"
#include "tests/support/bench.h"

enum { CELLS = 9, RENDERERS = 40, PAINTS = 200 };

#define BIT(layer) LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__##layer)
#define NAMESPACES                                                                                                     \
    (BIT(USER_NAMESPACE) | BIT(MOUNT_NAMESPACE) | BIT(PID_NAMESPACE) | BIT(NET_NAMESPACE) | BIT(IPC_NAMESPACE) |       \
     BIT(UTS_NAMESPACE) | BIT(CGROUP_NAMESPACE) | BIT(EMPTY_ROOT))

static const struct variant {
    const char *name;
    layer_set without;
} cells[] =
    {
        {"every layer", 0},
        {"without network namespace", BIT(NET_NAMESPACE)},
        {"without mount namespace, empty root", BIT(MOUNT_NAMESPACE) | BIT(EMPTY_ROOT)},
        {"without pid namespace", BIT(PID_NAMESPACE)},
        {"without any namespace", NAMESPACES},
        {"without Landlock", BIT(LANDLOCK_FILES) | BIT(LANDLOCK_NETWORK) | BIT(LANDLOCK_SCOPES)},
        {"without seccomp", BIT(SECCOMP)},
        {"without any layer", ~(layer_set)0},
},
  renderers[] = {
      {"every layer", 0},
      {"without seccomp", BIT(SECCOMP)},
      {"without resource limits", BIT(RESOURCE_LIMITS)},
      {"without closing of descriptors", BIT(CLOSED_FDS)},
      {"without non-dumpable state", BIT(NOT_DUMPABLE)},
      {"without pid namespace", BIT(PID_NAMESPACE)},
      {"without any layer", ~(layer_set)0},
};
enum {
    CELL_VARIANTS = sizeof(cells) / sizeof(cells[0]),
    RENDERER_VARIANTS = sizeof(renderers) / sizeof(renderers[0]),
};

static double renderer_start(struct broker *broker)
{
    struct bench_tab tab;
    double start = bench_now_ms();
    bench_open(broker, "about:blank", NULL, &tab);
    bench_until(broker, &tab.is_loading, 5000, "a new tab did not start");
    double took = tab.loading_ms - start;
    bench_close(&tab);
    bench_for(broker, 20);
    return took;
}

/* From exec to a renderer's first word. */
static double cell_start(layer_set without)
{
    double start = bench_now_ms();
    struct bench_tab tab;
    struct broker *broker = bench_broker_without(without);
    bench_open(broker, "about:blank", NULL, &tab);
    bench_until(broker, &tab.is_loading, 5000, "a new tab did not start");
    double took = tab.loading_ms - start;
    bench_close(&tab);
    broker_destroy(broker);
    return took;
}

/* A child's first byte through a pipe. */
static double plain_fork(void)
{
    int ends[2];
    char byte = 0;
    if (pipe(ends) < 0)
        exit(1);
    double start = bench_now_ms();
    pid_t child = fork();
    if (child == 0)
        _exit(write(ends[1], &byte, 1) == 1 ? 0 : 1);
    ssize_t got = read(ends[0], &byte, 1);
    double took = bench_now_ms() - start;
    close(ends[0]);
    close(ends[1]);
    waitpid(child, NULL, 0);
    if (got != 1)
        exit(1);
    return took;
}

static double repaint(struct broker *broker, struct bench_tab *tab)
{
    int error;
    struct tab_view view = bench_view(tab, 1.0f);
    double start = bench_now_ms();
    tab->has_frame = false;
    tab_paint(tab->tab, &view, &error);
    bench_until(broker, &tab->has_frame, 10000, "no frame");
    return tab->frame_ms - start;
}

static void compare_cells(void)
{
    struct bench_samples samples[CELL_VARIANTS] = {0};
    bench_title("A cell: from exec to its first renderer's hello (tests/bench/bench_cell.c)");
    for (int round = 0; round < CELLS; round++) {
        for (int i = 0; i < CELL_VARIANTS; i++)
            bench_add(&samples[i], cell_start(cells[i].without));
    }
    for (int i = 0; i < CELL_VARIANTS; i++)
        bench_row(cells[i].name, bench_median(&samples[i]), "ms", NULL);
}

static void compare_renderers(void)
{
    struct bench_samples samples[RENDERER_VARIANTS] = {0}, forks = {0};
    struct broker *brokers[RENDERER_VARIANTS];
    bench_title("A renderer from the warm zygote: order to hello (tests/bench/bench_cell.c)");
    for (int i = 0; i < RENDERER_VARIANTS; i++) {
        brokers[i] = bench_broker_without(renderers[i].without);
        bench_for(brokers[i], 500); /* its standby too */
        renderer_start(brokers[i]);
    }
    for (int round = 0; round < RENDERERS; round++) {
        bench_add(&forks, plain_fork());
        for (int i = 0; i < RENDERER_VARIANTS; i++)
            bench_add(&samples[i], renderer_start(brokers[i]));
    }
    bench_row("a plain fork: a child's first byte", bench_median(&forks), "ms", NULL);
    for (int i = 0; i < RENDERER_VARIANTS; i++) {
        bench_row(renderers[i].name, bench_median(&samples[i]), "ms", NULL);
        broker_destroy(brokers[i]);
    }
    bench_row("every layer / without any layer",
              bench_median(&samples[0]) / bench_median(&samples[RENDERER_VARIANTS - 1]), "x", NULL);
}

static void compare_paints(const char *path)
{
    struct bench_samples on = {0}, off = {0};
    struct broker *with = bench_broker_without(0), *without = bench_broker_without(BIT(SECCOMP));
    struct bench_tab with_tab, without_tab;
    char name[64];
    bench_open(with, path, NULL, &with_tab);
    bench_open(without, path, NULL, &without_tab);
    bench_until(with, &with_tab.is_live, 10000, "the document did not open");
    bench_until(without, &without_tab.is_live, 10000, "the document did not open");
    bench_for(with, 500);
    bench_for(without, 500);
    repaint(with, &with_tab);
    repaint(without, &without_tab);
    /* In turns, and either first as often as the other. */
    for (int round = 0; round < PAINTS; round++) {
        if (round % 2 == 0)
            bench_add(&on, repaint(with, &with_tab));
        bench_add(&off, repaint(without, &without_tab));
        if (round % 2 != 0)
            bench_add(&on, repaint(with, &with_tab));
    }
    bench_close(&with_tab);
    bench_close(&without_tab);
    broker_destroy(with);
    broker_destroy(without);
    snprintf(name, sizeof name, "%s, filter on", path);
    bench_row(name, bench_median(&on), "ms", NULL);
    snprintf(name, sizeof name, "%s, filter off", path);
    bench_row(name, bench_median(&off), "ms", NULL);
    bench_row("  on / off", bench_median(&on) / bench_median(&off), "x", "(target: at most 1.02)");
}

int main(void)
{
    compare_cells();
    compare_renderers();
    bench_title("Painting a page anew with the filter on and off (tests/bench/bench_cell.c)");
    compare_paints("demo/pages/tour.pdf");
    compare_paints("demo/pages/sea.jpg");
    compare_paints("demo/pages/index.html");
    bench_title("System calls a document's renderer may make (common/policy_table.c)");
    bench_row("allowed", (double)policy_count_calls(POLICY_RENDERER, false), "", "(OpenSSH: 35; zathura: 76)");
    bench_row("refused quietly", (double)policy_count_calls(POLICY_RENDERER, true), "", NULL);
    return 0;
}
