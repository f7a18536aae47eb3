/* main.c - bulkhead-lab: the mechanisms of inter-process communication, each to be seen, measured and compared. */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/command/cli.h"
#include "broker/command/exit_codes.h"
#include "common/text.h"
#include "demo/lab/bench.h"
#include "demo/lab/list.h"
#include "demo/lab/load.h"
#include "demo/lab/multiplex.h"
#include "demo/lab/scratch.h"

static const char usage[] = "usage: bulkhead-lab list [--json]\n"
                            "       bulkhead-lab show [--json] [NAME...]\n"
                            "       bulkhead-lab show pipeline -- COMMAND... ['|' COMMAND...]...\n"
                            "       bulkhead-lab bench [OPTION...] [NAME...]\n"
                            "       bulkhead-lab multiplex [--json] [--plot FILE.svg] [N...]\n"
                            "\n"
                            "show tells the story of a mechanism, its pitfall provoked and then handled. bench\n"
                            "measures them between two processes. multiplex has select, poll and epoll over N\n"
                            "descriptors.\n"
                            "\n"
                            "  --json            for programs\n"
                            "  --rounds N        medians over N runs of each (5)\n"
                            "  --messages N      of 1 KB, one way (1000000)\n"
                            "  --round-trips N   of 64 bytes (20000)\n"
                            "  --transfer SIZE   one large transfer (1000M)\n"
                            "  --budget SECONDS  for the whole table: fewer messages where time is short (60;\n"
                            "                    0: as long as it takes)\n"
                            "  --plot FILE.svg   bar charts of the table; lines for multiplex\n"
                            "  -h, --help        this text\n"
                            "\n"
                            "Exit code 0: all that was claimed held. 1: something did not. 2: bad usage.\n";

struct lab_options {
    bool json;
    const char *plot_path;
    char **words; /* after "--", for the one show that takes them */
    size_t word_count;
    struct lab_bench_options bench;
};

static int bad_usage(const char *what, const char *argument)
{
    char shown[128];

    text_escape(shown, sizeof(shown), argument, strlen(argument));
    fprintf(stderr, "bulkhead-lab: %s \"%s\" (see bulkhead-lab --help)\n", what, shown);
    return EXIT_CODE_USAGE;
}

/* 0, or an exit code with the reason said. */
static int parse_option(int option, const char *argument, struct lab_options *options)
{
    uint64_t number;

    switch (option) {
    case 'j':
        options->json = true;
        return 0;
    case 'p':
        options->plot_path = argument;
        return 0;
    case 't':
        return cli_parse_size(argument, &options->bench.transfer_bytes) && options->bench.transfer_bytes >= 1 << 20
                   ? 0
                   : bad_usage("--transfer takes a size of at least 1M, not", argument);
    case 'r':
        if (!cli_parse_number(argument, 1, 31, &number))
            return bad_usage("--rounds takes a number from 1 to 31, not", argument);
        options->bench.rounds = (unsigned)number;
        return 0;
    case 'b':
        if (!cli_parse_number(argument, 0, 86400, &number))
            return bad_usage("--budget takes a number of seconds, not", argument);
        options->bench.budget_ms = number * 1000;
        return 0;
    case 'm':
        return cli_parse_number(argument, 1, 100000000, &options->bench.messages)
                   ? 0
                   : bad_usage("--messages takes a number from 1 to 100000000, not", argument);
    case 'n':
        return cli_parse_number(argument, 10, 10000000, &options->bench.round_trips)
                   ? 0
                   : bad_usage("--round-trips takes a number from 10 to 10000000, not", argument);
    default:
        fputs(usage, stderr);
        return EXIT_CODE_USAGE;
    }
}

/* The entries named on the command line, or all. Owned; NULL with *ret_code set when a name is unknown. */
static const struct lab_entry **choose(char **names, size_t name_count, size_t *ret_count, int *ret_code)
{
    size_t all_count;
    const struct lab_entry *const *all = lab_entries(&all_count);
    const struct lab_entry **chosen = calloc((name_count > all_count ? name_count : all_count) + 1, sizeof(*chosen));

    if (chosen == NULL) {
        *ret_code = EXIT_CODE_INTERNAL;
        return NULL;
    }
    for (size_t i = 0; i < name_count; i++) {
        chosen[i] = lab_entry_find(names[i]);
        if (chosen[i] == NULL) {
            *ret_code = bad_usage("there is no mechanism", names[i]);
            free(chosen);
            return NULL;
        }
    }
    if (name_count == 0)
        memcpy(chosen, all, all_count * sizeof(*chosen));
    *ret_count = name_count > 0 ? name_count : all_count;
    return chosen;
}

static int run_shows(const struct lab_options *options, const char *directory, const struct lab_entry **entries,
                     size_t count)
{
    struct lab_stage *stage;
    bool all_hold = true;

    if (lab_stage_create(stdout, options->json, directory, &stage) < 0)
        return EXIT_CODE_INTERNAL;
    lab_stage_set_arguments(stage, options->words, options->word_count);
    for (size_t i = 0; i < count; i++) {
        if (entries[i] == NULL || entries[i]->show == NULL)
            continue;
        lab_stage_begin(stage, entries[i]->name, entries[i]->summary, entries[i]->pitfall);
        entries[i]->show(stage);
        all_hold &= lab_stage_end(stage);
    }
    lab_stage_finish(stage);
    lab_stage_destroy(stage);
    return all_hold ? EXIT_CODE_OK : EXIT_CODE_SOME_FAILED;
}

static int finish_plot(int rc)
{
    if (rc < 0)
        fprintf(stderr, "bulkhead-lab: cannot write the chart: %s\n", strerror(-rc));
    return rc < 0 ? EXIT_CODE_OUTPUT_UNWRITABLE : EXIT_CODE_OK;
}

static int run_bench(struct lab_options *options, const char *directory, const struct lab_entry **entries, size_t count)
{
    size_t row_count;
    struct lab_row *rows;
    struct load start, end;
    int rc = 0;

    options->bench.directory = directory;
    options->bench.progress = isatty(STDERR_FILENO) ? stderr : NULL;
    bool is_sampled = load_sample(&start) == 0;
    rows = lab_bench_run(&options->bench, entries, count, &row_count);
    double others_percent = is_sampled && load_sample(&end) == 0 ? load_of_others(&start, &end) : 0;
    options->bench.directory = NULL; /* the caller's, and about to go */
    if (rows == NULL)
        return EXIT_CODE_INTERNAL;
    if (options->json)
        lab_bench_print_json(stdout, &options->bench, rows, row_count, others_percent);
    else
        lab_bench_print(stdout, &options->bench, rows, row_count, others_percent);
    if (options->plot_path != NULL)
        rc = lab_bench_plot(options->plot_path, rows, row_count);
    free(rows);
    return finish_plot(rc);
}

/* Whether what stands after "--" has somewhere to go. */
static int check_words(const char *command, const struct lab_options *options, const struct lab_entry **entries,
                       size_t count)
{
    if (options->words == NULL)
        return EXIT_CODE_OK;
    if (strcmp(command, "show") != 0 || count != 1 || entries[0]->arguments == NULL)
        return bad_usage("only a show that takes them can have words after --, not", command);
    if (options->word_count == 0)
        return bad_usage("after -- there must be", entries[0]->arguments);
    return EXIT_CODE_OK;
}

/* The numbers of descriptors to measure: those given, or up to 100,000, with the most that is allowed here among them.
 * How many, or 0 with what is wrong said. */
static size_t choose_crowds(char **words, size_t word_count, unsigned ret_counts[MULTIPLEX_ROWS_MAX])
{
    static const unsigned usual[] = {10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000};
    unsigned allowed = multiplex_allowed();
    size_t count = 0;
    uint64_t number;

    for (size_t i = 0; i < word_count; i++) {
        if (count == MULTIPLEX_ROWS_MAX || !cli_parse_number(words[i], MULTIPLEX_LEAST, MULTIPLEX_MOST, &number)) {
            bad_usage("multiplex takes up to 32 numbers from 1 to 1000000, not", words[i]);
            return 0;
        }
        ret_counts[count++] = (unsigned)number;
    }
    for (size_t i = 0; word_count == 0 && i < sizeof(usual) / sizeof(usual[0]); i++) {
        if (i > 0 && usual[i - 1] < allowed && allowed < usual[i])
            ret_counts[count++] = allowed;
        ret_counts[count++] = usual[i];
    }
    return count;
}

static int run_multiplex(const struct lab_options *options, char **words, size_t word_count)
{
    enum { BUDGET_MS = 200 };
    struct multiplex_row rows[MULTIPLEX_ROWS_MAX];
    unsigned counts[MULTIPLEX_ROWS_MAX];
    size_t count = choose_crowds(words, word_count, counts);
    int rc = 0;

    if (count == 0)
        return EXIT_CODE_USAGE;
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = multiplex_measure(counts[i], BUDGET_MS, &rows[i]);
    if (rc < 0) {
        fprintf(stderr, "bulkhead-lab: no process to measure in: %s\n", strerror(-rc));
        return EXIT_CODE_INTERNAL;
    }
    if (options->json)
        multiplex_print_json(stdout, rows, count);
    else
        multiplex_print(stdout, rows, count);
    return cli_finish_stdout(
        finish_plot(options->plot_path != NULL ? multiplex_plot(options->plot_path, rows, count) : 0));
}

static int run(const char *command, struct lab_options *options, char **names, size_t name_count)
{
    char directory[64];
    size_t count;
    int code = EXIT_CODE_OK;
    const struct lab_entry **entries = choose(names, name_count, &count, &code);

    if (entries == NULL)
        return code;
    code = check_words(command, options, entries, count);
    if (code != EXIT_CODE_OK) {
        free(entries);
        return code;
    }
    if (strcmp(command, "list") == 0)
        lab_list_print(stdout, options->json, entries, count);
    else if (lab_scratch_create(directory, sizeof(directory)) < 0) {
        fprintf(stderr, "bulkhead-lab: cannot make a directory in /tmp: %s\n", strerror(errno));
        code = EXIT_CODE_OUTPUT_UNWRITABLE;
    } else {
        code = strcmp(command, "show") == 0 ? run_shows(options, directory, entries, count)
                                            : run_bench(options, directory, entries, count);
        lab_scratch_remove(directory);
    }
    free(entries);
    return cli_finish_stdout(code);
}

/* getopt_long would mix what stands after "--" with the names before it. */
static void cut_words(int *argc, char **argv, struct lab_options *options)
{
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], "--") == 0) {
            options->words = argv + i + 1;
            options->word_count = (size_t)(*argc - i - 1);
            *argc = i;
        }
}

int main(int argc, char **argv)
{
    static const struct option table[] = {
        {"json", no_argument, NULL, 'j'},
        {"rounds", required_argument, NULL, 'r'},
        {"messages", required_argument, NULL, 'm'},
        {"round-trips", required_argument, NULL, 'n'},
        {"transfer", required_argument, NULL, 't'},
        {"plot", required_argument, NULL, 'p'},
        {"budget", required_argument, NULL, 'b'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct lab_options options = {
        .bench = {
            .rounds = 5, .messages = 1000000, .round_trips = 20000, .transfer_bytes = 1000000000, .budget_ms = 60000}};
    int option;

    setlocale(LC_CTYPE, "");
    signal(SIGPIPE, SIG_IGN);
    cut_words(&argc, argv, &options);
    while ((option = getopt_long(argc, argv, "h", table, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return cli_finish_stdout(EXIT_CODE_OK);
        }
        int code = parse_option(option, optarg, &options);
        if (code != 0)
            return code;
    }
    if (optind >= argc) {
        fputs(usage, stderr);
        return EXIT_CODE_USAGE;
    }
    const char *command = argv[optind++];
    if (strcmp(command, "multiplex") == 0)
        return options.words == NULL ? run_multiplex(&options, argv + optind, (size_t)(argc - optind))
                                     : bad_usage("multiplex takes numbers of descriptors, and nothing after", "--");
    if (strcmp(command, "list") != 0 && strcmp(command, "show") != 0 && strcmp(command, "bench") != 0)
        return bad_usage("there is no command", command);
    return run(command, &options, argv + optind, (size_t)(argc - optind));
}
