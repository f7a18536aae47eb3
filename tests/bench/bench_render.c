/* A many-page PDF to PNG files, against `mutool draw` at the same size and the same compression, round by round. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/bench.h"

enum { ROUNDS = 7, COPIES = 4 };

int main(void)
{
    char directory[] = "/tmp/bulkhead-bench-XXXXXX", document[128], theirs[128], ours[128];
    struct bench_samples mutool = {0}, one = {0}, two = {0};
    bench_title("Many pages to PNG, 96 dpi (tests/bench/bench_render.c)");
    if (!bench_has("mutool")) {
        bench_note("skipped: mutool is not installed (mupdf-tools)");
        return 0;
    }
    if (mkdtemp(directory) == NULL)
        return 1;
    snprintf(document, sizeof document, "%s/many.pdf", directory);
    snprintf(theirs, sizeof theirs, "%s/mutool-%%03d.png", directory);
    snprintf(ours, sizeof ours, "%s/bulkhead-%%03d.png", directory);
    const char *tour = "demo/pages/tour.pdf";
    const char *merge[] = {"mutool", "merge", "-o", document, tour, tour, tour, tour, NULL};
    bench_command(merge);
    const char *bulkhead = bench_program("bulkhead");
    const char *draw[] = {"mutool", "draw", "-q", "-r", "96", "-o", theirs, document, NULL};
    const char *render1[] = {bulkhead, "render", document, "--dpi", "96", "-o", ours, "--jobs", "1", NULL};
    const char *render2[] = {bulkhead, "render", document, "--dpi", "96", "-o", ours, "--jobs", "2", NULL};
    for (int i = 0; i < ROUNDS; i++) {
        bench_add(&mutool, bench_command(draw));
        bench_add(&one, bench_command(render1));
        bench_add(&two, bench_command(render2));
    }
    bench_row("mutool draw", bench_median(&mutool), "ms", NULL);
    bench_row("bulkhead render --jobs 1", bench_median(&one), "ms", NULL);
    bench_row("bulkhead render --jobs 2", bench_median(&two), "ms", NULL);
    bench_row("--jobs 1 / mutool", bench_median(&one) / bench_median(&mutool), "x", "(target: at most 1.10)");
    bench_row("mutool / --jobs 2", bench_median(&mutool) / bench_median(&two), "x", "(target: at least 1.6)");
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return system(command);
}
