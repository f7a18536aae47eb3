/* main.c - bulkhead-demo: the scripted story, told on a terminal or as plain lines. It checks itself. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/command/cli.h"
#include "broker/command/exit_codes.h"
#include "broker/output/output.h"
#include "common/clock.h"
#include "demo/finish.h"

static const char usage[] =
    "usage: bulkhead-demo [--interactive] [--plain] [--pages DIR] [--out DIR]\n"
    "  --interactive  stay after the story: switch tabs, scroll, crash, hang, reload (? shows the keys)\n"
    "  --plain        lines instead of a screen, also on a terminal\n"
    "  --pages DIR    the demo's documents (default demo/pages)\n"
    "  --out DIR      where the pictures, the trace and the crash reports go (default demo-out)\n"
    "Exit code 0: everything happened as told. 1: something did not.\n";

/* A renderer that hangs is to be seen and gone within two seconds, not eight. */
static const char policy[] = "{\n"
                             "  \"ping_interval_ms\": 200,\n"
                             "  \"unresponsive_after_ms\": 700,\n"
                             "  \"hung_after_ms\": 700\n"
                             "}\n";

enum { DEMO_MEMORY_BYTES = 256 * 1024 * 1024 };

/* 0, 1 (help was shown), or -EINVAL. */
static int demo_parse(int argc, char **argv, struct stage_options *options)
{
    static const struct option table[] = {
        {"interactive", no_argument, NULL, 'i'},
        {"plain", no_argument, NULL, 'l'},
        {"pages", required_argument, NULL, 'p'},
        {"out", required_argument, NULL, 'o'},
        {"stall", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        switch (option) {
        case 'i':
            options->interactive = true;
            break;
        case 'l':
            options->plain = true;
            break;
        case 'p':
            options->pages_directory = optarg;
            break;
        case 'o':
            options->out_directory = optarg;
            break;
        case 's':
            options->stall_ms = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'h':
            fputs(usage, stdout);
            return 1;
        default:
            fputs(usage, stderr);
            return -EINVAL;
        }
    }
    if (optind < argc) {
        fputs(usage, stderr);
        return -EINVAL;
    }
    return 0;
}

static int demo_write_policy(const char *path)
{
    struct output *output;
    int r = output_open(path, NULL, -1, &output);

    if (r == 0) {
        output_write(output, policy, sizeof(policy) - 1);
        r = output_commit(output);
    }
    return r;
}

static int demo_prepare(const struct stage_options *options, char *policy_path, char *trace_path, char *crash_directory,
                        size_t size)
{
    int r = mkdir(options->out_directory, 0777) < 0 && errno != EEXIST ? -errno : 0;

    snprintf(policy_path, size, "%s/policy.json", options->out_directory);
    snprintf(trace_path, size, "%s/trace.json", options->out_directory);
    snprintf(crash_directory, size, "%s/crashes", options->out_directory);
    if (r == 0)
        r = demo_write_policy(policy_path);
    if (r != 0)
        fprintf(stderr, "bulkhead-demo: cannot write to %s: %s (--out DIR)\n", options->out_directory,
                strerror(abs(r)));
    return r;
}

static void demo_stay(struct stage *stage)
{
    stage->is_nudging = false; /* pages are the user's to turn now */
    stage_heading(stage, "over to you: 1-9 and Tab switch, Enter opens, C H M S misbehave, r reloads, ? help, q quits");
    while (stage_run(stage, 1000))
        ;
}

static void demo_print_verdict(const struct stage *stage, bool complete)
{
    double seconds = (double)(clock_now_ms() - stage->start_ms) / 1000;

    if (stage->failed_steps)
        printf("NOT everything happened as told: %u %s not so, after %.1f s\n", stage->failed_steps,
               stage->failed_steps == 1 ? "step was" : "steps were", seconds);
    else if (complete)
        printf("Everything happened as told, after %.1f s\n", seconds);
    else
        printf("The story was stopped before its end, after %.1f s\n", seconds);
}

static void demo_print_end(struct stage *stage, const struct acts_result *result, const char *tables, size_t pictures,
                           bool complete)
{
    struct stat trace = {0};
    char path[4096], line[4096 + 128];

    /* The tables first: on a small terminal what is left to see is what came of it. */
    putchar('\n');
    stage_print_lines(tables, 0, 2);
    putchar('\n');
    for (size_t i = 0; i < result->count; i++)
        stage_print(result->verdicts[i], 0, 2);
    snprintf(path, sizeof(path), "%s/trace.json", stage->options->out_directory);
    bool traced = stat(path, &trace) == 0 && trace.st_size > 2;
    snprintf(line, sizeof(line),
             "%zu pictures and trace.json (%lld bytes; for ui.perfetto.dev or chrome://tracing) in %s", pictures,
             (long long)trace.st_size, stage->options->out_directory);
    putchar('\n');
    stage_print(line, 0, 0);
    stage->failed_steps += !traced;
    demo_print_verdict(stage, complete);
}

static int demo_tell(const struct stage_options *options)
{
    struct acts_result result = {0};
    struct stage stage;
    char *tables = NULL;
    size_t pictures = 0;

    int r = stage_open(&stage, options);
    bool opened = r == 0 && acts_open(&stage);
    if (opened)
        acts_misdeeds(&stage, &result);
    bool complete = opened && result.count == ACTS_MISDEEDS && !stage.is_over;
    if (complete && options->interactive)
        demo_stay(&stage);
    stage_close_terminal(&stage);
    if (r == 0 && stage.failure == 0) {
        pictures = finish_write_pictures(&stage);
        tables = finish_tables(&stage);
    }
    int signal_number = stage.broker ? broker_shutdown_signal(stage.broker) : 0;
    stage_close(&stage);
    if (tables)
        demo_print_end(&stage, &result, tables, pictures, complete);
    free(tables);
    if (signal_number > 0)
        return EXIT_CODE_SIGNAL + signal_number;
    if (stage.failure == -EPERM)
        return EXIT_CODE_LAYER_MISSING;
    return complete && stage.failed_steps == 0 ? EXIT_CODE_OK : EXIT_CODE_SOME_FAILED;
}

int main(int argc, char **argv)
{
    char policy_path[4096], trace_path[4096], crash_directory[4096];
    struct stage_options options = {
        .pages_directory = "demo/pages",
        .out_directory = "demo-out",
        .broker =
            {
                .policy_path = policy_path,
                .trace_path = trace_path,
                .crash_directory = crash_directory,
                .allow_crash_tests = true,
                .memory_limit_bytes = DEMO_MEMORY_BYTES,
                .spares = 1,
                .handle_signals = true,
            },
    };

    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    int r = demo_parse(argc, argv, &options);
    if (r != 0)
        return r < 0 ? EXIT_CODE_USAGE : EXIT_CODE_OK;
    if (demo_prepare(&options, policy_path, trace_path, crash_directory, sizeof(policy_path)) != 0)
        return EXIT_CODE_OUTPUT_UNWRITABLE;
    return cli_finish_stdout(demo_tell(&options));
}
