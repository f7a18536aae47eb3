/* broker.h - the trusted process: one event loop, the cell with its zygote, the renderers, the counters, the trace.
 *
 * Owns everything it makes. Programs (cli, viewer, demo, tests) create one broker, open tabs on it and run its loop.
 */
#ifndef BULKHEAD_BROKER_H
#define BULKHEAD_BROKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/exit_cause.h"
#include "broker/layers.h"
#include "broker/policy_file.h"
#include "common/counters.h"
#include "common/loop.h"
#include "to_broker.pb-c.h"

struct broker;
struct renderer;
struct audit;
struct recording;
struct services;
struct trace;

struct broker_options {
    const char *renderer_path;   /* NULL: $BULKHEAD_RENDERER, else beside this executable, else libexec */
    const char *trace_path;      /* NULL = no trace */
    const char *recording_path;  /* NULL = no recording of messages (recording.h) */
    const char *policy_path;     /* NULL = built-in defaults */
    const struct policy *policy; /* in place of those defaults; NULL = none; borrowed for broker_create() */
    layer_set require;           /* refuse to start without these */
    layer_set without;           /* hidden, for tests: leave these out */
    bool allow_crash_tests;
    bool audit;                  /* renderers count their system calls (broker_audit) */
    uint64_t memory_limit_bytes; /* a renderer's RLIMIT_DATA and memory.max; 0 = the policy's */
    unsigned spares;             /* prewarmed renderers kept waiting; default 1 */
    const char *crash_directory; /* of crash reports; NULL = the user's own (crash_store.h) */
    bool no_crash_reports;
    bool handle_signals; /* signalfd for SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD */
};

/* Callbacks into the program; all may be NULL. */
struct broker_listener {
    /* SIGTERM or SIGINT: `count` 1 = finish running work before deadline_ms (clock_now_ms), 2 = end at once. */
    void (*shutdown)(struct broker *broker, int count, uint64_t deadline_ms, void *userdata);
    /* One line worth showing; escaped. */
    void (*event)(struct broker *broker, const char *line, void *userdata);
    /* The cell is up: layers are known. */
    void (*cell_ready)(struct broker *broker, void *userdata);
    /* The cell cannot be had: -EPERM a required layer is missing, or -errno. `why` says which and the way out. */
    void (*cell_failed)(struct broker *broker, int error, const char *why, void *userdata);
    /* A symbolised backtrace for a crash that was reported before (text, several lines, escaped). */
    void (*backtrace)(struct broker *broker, const struct exit_report *report, const char *text, void *userdata);
    /* Where the crash report of an end is that was reported before, or NULL and why there is none; both escaped. Once
     * for each end that is worth one, after its backtrace. Without this callback it is said as an event. */
    void (*crash_report)(struct broker *broker, const struct exit_report *report, const char *path, const char *why,
                         void *userdata);
};

int broker_create(const struct broker_options *options, const struct broker_listener *listener, void *userdata,
                  struct broker **ret_broker);
/* Kills what is left, waits for every child, writes the trace's end. Takes NULL. */
void broker_destroy(struct broker *broker);

/* Lives as long as the broker. */
const struct services *broker_services(const struct broker *broker);
struct loop *broker_loop(struct broker *broker);
struct audit *broker_audit(const struct broker *broker); /* borrowed; NULL: nothing is counted */
const struct policy *broker_policy(const struct broker *broker);
struct trace *broker_trace(struct broker *broker);         /* NULL when not tracing */
struct recording *broker_recording(struct broker *broker); /* NULL when not recording */
const struct broker_options *broker_options(const struct broker *broker);

/* The signal that asked for the shutdown (SIGINT or SIGTERM), 0 while there was none: a program exits with 128 + it. */
int broker_shutdown_signal(const struct broker *broker);

/* Layers of the renderer that said hello last (LAYERS of them); valid after cell_ready. */
const struct layer_status *broker_layers(const struct broker *broker, size_t *ret_count);
const char *broker_engine_version(const struct broker *broker);

/* All messages so far, of living renderers, dead ones and the zygote. */
void broker_sum_counters(const struct broker *broker, struct counters *into);
/* Whether backtraces or crash reports of ends that were reported are still being worked out. */
bool broker_has_open_reports(const struct broker *broker);
/* Writes those crash reports now, without what is missing: their callbacks come before this returns. */
void broker_finish_reports(struct broker *broker);
/* How often each end was seen. */
const uint64_t *broker_end_counts(const struct broker *broker); /* [EXIT_CAUSE_COUNT] */

#endif
