/* What the walls cost: a cell and a renderer with every layer, with each left out in turn, and against a plain fork;
 * painting with the filter on against off; and how many calls the filter lets through. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/layers.h"
#include "common/policy_table.h"
#include "tests/support/bench.h"

enum { CELLS = 31, RENDERERS = 101, PAINTS = 200 };

#define BIT(layer) LAYER_BIT(BULKHEAD__LAYER_FACT__LAYER__##layer)
#define NAMESPACES                                                                                                     \
    (BIT(USER_NAMESPACE) | BIT(MOUNT_NAMESPACE) | BIT(PID_NAMESPACE) | BIT(NET_NAMESPACE) | BIT(IPC_NAMESPACE) |       \
     BIT(UTS_NAMESPACE) | BIT(CGROUP_NAMESPACE) | BIT(EMPTY_ROOT))
#define LANDLOCK (BIT(LANDLOCK_FILES) | BIT(LANDLOCK_NETWORK) | BIT(LANDLOCK_SCOPES))
/* What goes up in each renderer again; the rest a fork inherits from its zygote. Layers of the broker's own are both.
 */
#define OF_EACH_RENDERER                                                                                               \
    (BIT(RESOURCE_LIMITS) | BIT(CLOSED_FDS) | BIT(NOT_DUMPABLE) | BIT(SECCOMP) | BIT(PID_NAMESPACE) |                  \
     BIT(CHANNEL_REFUSES_FDS))
#define OF_A_CELL (~OF_EACH_RENDERER | BIT(NOT_DUMPABLE) | BIT(SECCOMP) | BIT(PID_NAMESPACE))

enum { GROUPS = 3, VARIANTS_MAX = 1 + LAYERS + GROUPS };

struct variants {
    struct variant {
        const char *name;
        layer_set without;
        struct bench_samples samples, saved; // saved: by pairs with every layer
        struct broker *broker;
    } list[VARIANTS_MAX];
    size_t count;
};

static void add_variant(struct variants *variants, const char *name, layer_set without)
{
    struct variant *variant = &variants->list[variants->count++];
    variant->name = name;
    variant->without = without;
}

/* Everything, each of these layers left out by itself, some together, and nothing. */
static void make_variants(struct variants *variants, layer_set singly)
{
    add_variant(variants, "every layer", 0);
    for (unsigned i = 0; i < LAYERS; i++)
        if ((singly & LAYER_BIT(i)) != 0 && !layer_is_optional((Bulkhead__LayerFact__Layer)i))
            add_variant(variants, layer_name((Bulkhead__LayerFact__Layer)i), LAYER_BIT(i));
    if ((singly & BIT(NET_NAMESPACE)) != 0) {
        add_variant(variants, "all namespaces, empty root", NAMESPACES);
        add_variant(variants, "all of Landlock", LANDLOCK);
    }
    add_variant(variants, "all layers", ~(layer_set)0);
}

/* What a layer costs is what is saved without it: each is measured next to every layer, and either first as often as
 * the other, for what else goes on here changes more than that. */
static void measure(struct variants *variants, int round, double (*start)(const struct variant *variant))
{
    struct variant *whole = &variants->list[0];
    for (size_t i = 1; i < variants->count; i++) {
        struct variant *variant = &variants->list[i];
        double with = round % 2 == 0 ? start(whole) : 0, without = start(variant);
        if (round % 2 != 0)
            with = start(whole);
        bench_add(&variant->samples, without);
        bench_add(&variant->saved, with - without);
        if (i == 1)
            bench_add(&whole->samples, with);
    }
}

static void print_variants(const struct variants *variants)
{
    bench_row(variants->list[0].name, bench_median(&variants->list[0].samples), "ms", NULL);
    for (size_t i = 1; i < variants->count; i++) {
        const struct variant *variant = &variants->list[i];
        char name[64], note[64];
        snprintf(name, sizeof name, "without %s", variant->name);
        snprintf(note, sizeof note, "(saves %.2f ms)", bench_median(&variant->saved));
        bench_row(name, bench_median(&variant->samples), "ms", note);
    }
}

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

static double warm_start(const struct variant *variant)
{
    return renderer_start(variant->broker);
}

/* From exec to a renderer's first word. */
static double cell_start(const struct variant *variant)
{
    double start = bench_now_ms();
    struct bench_tab tab;
    struct broker *broker = bench_broker_without(variant->without);
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
    struct variants variants = {.count = 0};
    make_variants(&variants, OF_A_CELL);
    bench_title("A cell: from exec to its first renderer's hello (tests/bench/bench_cell.c)");
    for (int round = 0; round < CELLS; round++)
        measure(&variants, round, cell_start);
    print_variants(&variants);
}

static void compare_renderers(void)
{
    struct variants variants = {.count = 0};
    struct bench_samples forks = {0};
    make_variants(&variants, OF_EACH_RENDERER);
    bench_title("A renderer from the warm zygote: order to hello (tests/bench/bench_cell.c)");
    for (size_t i = 0; i < variants.count; i++) {
        variants.list[i].broker = bench_broker_without(variants.list[i].without);
        bench_for(variants.list[i].broker, 500); /* its standby too */
        renderer_start(variants.list[i].broker);
    }
    for (int round = 0; round < RENDERERS; round++) {
        bench_add(&forks, plain_fork());
        measure(&variants, round, warm_start);
    }
    bench_row("a plain fork: a child's first byte", bench_median(&forks), "ms", NULL);
    print_variants(&variants);
    for (size_t i = 0; i < variants.count; i++)
        broker_destroy(variants.list[i].broker);
    bench_row("every layer / without any layer",
              bench_median(&variants.list[0].samples) / bench_median(&variants.list[variants.count - 1].samples), "x",
              NULL);
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
