/* A small file from request to PNG on disk with the broker running; a crash to the reloaded picture. */
#include <stdio.h>
#include <unistd.h>

#include "broker/output/encode_image.h"
#include "broker/output/output.h"
#include "tests/support/bench.h"

enum { ROUNDS = 25, CRASHES = 9 };

static const char *const documents[] = {"demo/pages/hull.png", "demo/pages/architecture.svg", "demo/pages/tour.pdf",
                                        "demo/pages/index.html"};

static void write_png(const struct frame *frame, const char *path)
{
    const struct encode_image image = {.pixels = frame->pixels,
                                       .width_px = frame->geometry.width_px,
                                       .height_px = frame->geometry.height_px,
                                       .stride_bytes = frame->geometry.stride_bytes};
    const struct encode_options options = {.format = ENCODE_PNG, .png_level = ENCODE_PNG_LEVEL_DEFAULT};
    struct output *output;
    if (output_open(path, NULL, -1, &output) == 0 && encode_image_write(&image, &options, output, NULL) == 0)
        output_commit(output);
}

static void paint(struct broker *broker, struct bench_tab *tab)
{
    int error;
    struct tab_view view = bench_view(tab, 0.5f);
    tab_paint(tab->tab, &view, &error);
    bench_until(broker, &tab->has_frame, 10000, "no frame");
}

static double request_to_png(struct broker *broker, const char *path)
{
    struct bench_tab tab;
    double start = bench_now_ms();
    bench_open(broker, path, NULL, &tab);
    bench_until(broker, &tab.is_live, 10000, "the document did not open");
    paint(broker, &tab);
    write_png(tab_frame(tab.tab), "/tmp/bulkhead-bench.png");
    double took = bench_now_ms() - start;
    bench_close(&tab);
    bench_for(broker, 20);
    return took;
}

static double crash_to_picture(struct broker *broker, const char *path)
{
    struct bench_tab tab;
    bench_open(broker, path, NULL, &tab);
    bench_until(broker, &tab.is_live, 10000, "the document did not open");
    paint(broker, &tab);
    double start = bench_now_ms();
    tab_crash_test(tab.tab, BULKHEAD__CRASH_TEST__KIND__WILD_WRITE);
    bench_until(broker, &tab.has_ended, 10000, "it did not crash");
    tab.has_frame = false;
    tab_reload(tab.tab, true);
    bench_until(broker, &tab.has_frame, 10000, "no picture after the reload");
    double took = bench_now_ms() - start;
    bench_close(&tab);
    bench_for(broker, 700); /* a new standby comes up */
    return took;
}

int main(void)
{
    bench_title("One small document (tests/bench/bench_document.c)");
    struct broker *broker = bench_broker(1);
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        struct bench_samples samples = {0};
        char name[128];
        for (int round = 0; round < ROUNDS; round++)
            bench_add(&samples, request_to_png(broker, documents[i]));
        snprintf(name, sizeof name, "request to PNG on disk: %s", documents[i]);
        bench_row(name, bench_median(&samples), "ms", "(target: under 25)");
    }
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        struct bench_samples samples = {0};
        char name[128];
        for (int round = 0; round < CRASHES; round++)
            bench_add(&samples, crash_to_picture(broker, documents[i]));
        snprintf(name, sizeof name, "crash to reloaded picture: %s", documents[i]);
        bench_row(name, bench_median(&samples), "ms", "(target: under 25)");
    }
    broker_destroy(broker);
    unlink("/tmp/bulkhead-bench.png");
    return 0;
}
