/* bench.h - what the benchmarks share: rounds, medians, ratios, and a broker driven until something happened.
 *
 * Figures are medians over rounds of one run; a ratio is always between medians of the same run. Targets are printed
 * beside the figure and never fail a build: the machine decides those. What fails a benchmark is a wrong result.
 */
#ifndef BULKHEAD_BENCH_H
#define BULKHEAD_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/document/tab.h"

enum { BENCH_ROUNDS_MAX = 256 };

struct bench_samples {
    double values[BENCH_ROUNDS_MAX];
    size_t count;
};

void bench_add(struct bench_samples *samples, double value);
double bench_median(const struct bench_samples *samples);
double bench_percentile(const struct bench_samples *samples, double fraction);

void bench_title(const char *text);
/* "name   1.23 ms   (target: under 5 ms)"; note may be NULL. */
void bench_row(const char *name, double value, const char *unit, const char *note);
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

double bench_now_ms(void);

/* A broker with `spares`, ready; crash tests allowed; ends the program with a message if it cannot be had. */
struct broker *bench_broker(unsigned spares);
/* The same without spares and without these layers. */
struct broker *bench_broker_without(layer_set without);
/* Runs the loop until *flag is true; ends the program after timeout_ms ("what" says what did not happen). */
void bench_until(struct broker *broker, const bool *flag, int timeout_ms, const char *what);
/* Runs the loop for so long. */
void bench_for(struct broker *broker, int duration_ms);

/* A tab that notes what happened to it. */
struct bench_tab {
    struct tab *tab;
    struct document *document;
    bool is_loading, is_live, has_bounds, has_frame, has_ended, has_failed;
    double loading_ms, live_ms, frame_ms, ended_ms; // bench_now_ms() of each
    struct tab_bounds bounds;
    bool keeps_frames; // leave has_frame alone after the first
};

/* Opens location; options NULL = plain. */
void bench_open(struct broker *broker, const char *location, const struct tab_options *options,
                struct bench_tab *ret_tab);
void bench_close(struct bench_tab *tab);
/* The view that shows page 0 at the scale given, whole. */
struct tab_view bench_view(const struct bench_tab *tab, float scale);

/* "build/release/NAME" of this build. */
const char *bench_program(const char *name);
/* Whether a program is to be found in PATH. */
bool bench_has(const char *name);
/* Wall time of a command in ms; ends the program if it fails. Its output is dropped. */
double bench_command(const char *const *argv);

#endif
