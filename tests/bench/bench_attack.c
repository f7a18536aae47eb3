/* The same attempts side by side: in a renderer's cell, and by a plain program in no sandbox, under bwrap and under
 * firejail, as they come. How many get through, by family; no clock is read.
 */
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/attack/attack_list.h"
#include "tests/support/bench.h"

#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66
#endif

enum { ATTEMPTS_MAX = 160, NAME_BYTES = 40, COMMAND_BYTES = 8192, WIDTH = 22, LOCKED_BYTES = 8 << 20 };

struct column {
    const char *title, *program, *command; // command: %s is attack-alone
    char outcomes[ATTEMPTS_MAX];           // 'r'efused, 'k'illed, 's'ucceeded, 0 = not tried
    unsigned held[ATTACK_FAMILY_COUNT + 1], through[ATTACK_FAMILY_COUNT + 1]; // by family, and all
    bool is_there;
};

static char names[ATTEMPTS_MAX][NAME_BYTES];
static unsigned name_count;

static unsigned index_of(const char *name)
{
    for (unsigned i = 0; i < name_count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    if (name_count == ATTEMPTS_MAX) {
        fprintf(stderr, "benchmark: more than %d attempts\n", ATTEMPTS_MAX);
        exit(1);
    }
    snprintf(names[name_count], NAME_BYTES, "%s", name);
    return name_count++;
}

static void note(struct column *column, const char *name, const char *word)
{
    bool gets_through = strcmp(word, "succeeded") == 0 || strcmp(word, "untried") == 0;
    const struct attack_row *row = attack_list_find(name);
    column->outcomes[index_of(name)] = word[0];
    for (unsigned i = 0; i < 2 && row != NULL; i++) {
        unsigned *counters = gets_through ? column->through : column->held;
        counters[i == 0 ? row->family : ATTACK_FAMILY_COUNT]++;
    }
}

static unsigned count_tried(const struct column *column, unsigned family)
{
    return column->held[family] + column->through[family];
}

/* What is inherited decides some of the attempts in every sandbox alike; limits can be set. */
static void set_limits(void)
{
    const struct rlimit locked = {LOCKED_BYTES, LOCKED_BYTES}, data = {RLIM_INFINITY, RLIM_INFINITY};
    if (setrlimit(RLIMIT_MEMLOCK, &locked) < 0 || setrlimit(RLIMIT_DATA, &data) < 0)
        bench_note("limits on memory are lower here than usual, and hold some of it whatever the sandbox");
    if (prctl(PR_GET_MDWE, 0, 0, 0, 0) > 0)
        bench_note("started with memory-deny-write-execute in force: that holds three of them whatever the sandbox");
    if (prctl(PR_GET_SECCOMP) > 0)
        bench_note("started behind a seccomp filter: that holds some of it whatever the sandbox");
}

/* Such attempts are no thing to try as root, and firejail refuses nobody: an account that a person could have. */
static const char *as_user(void)
{
    static char prefix[128];
    const struct passwd *user;
    if (geteuid() != 0)
        return "";
    while ((user = getpwent()) != NULL && (user->pw_uid < 1000 || user->pw_uid >= 60000))
        ;
    snprintf(prefix, sizeof prefix, "runuser -u %s -- ", user != NULL ? user->pw_name : "nobody");
    endpwent();
    return prefix;
}

static void run_alone(struct column *column)
{
    char command[COMMAND_BYTES], sandboxed[1024], name[NAME_BYTES], word[16];
    column->is_there = bench_has(column->program);
    if (!column->is_there)
        return;
    char *path = realpath(bench_program("tests/attack-alone"), NULL);
    if (path == NULL) {
        fprintf(stderr, "benchmark: attack-alone is not built\n");
        exit(1);
    }
    snprintf(sandboxed, sizeof sandboxed, column->command, path);
    free(path);
    snprintf(command, sizeof command, "%s%s 2>/dev/null", as_user(), sandboxed);
    FILE *output = popen(command, "r");
    while (output != NULL && fscanf(output, "%39s %15s", name, word) == 2)
        note(column, name, word);
    if (output == NULL || pclose(output) != 0 || count_tried(column, ATTACK_FAMILY_COUNT) == 0) {
        bench_note("%s could not run it here: %s", column->program, command);
        column->is_there = false;
    }
}

static void take_ours(struct column *column, const json_t *attempt)
{
    const char *outcome = json_string_value(json_object_get(json_object_get(attempt, "observed"), "outcome"));
    const char *name = json_string_value(json_object_get(attempt, "name"));
    if (name == NULL || outcome == NULL) {
        fprintf(stderr, "benchmark: bulkhead attack --json has another shape\n");
        exit(1);
    }
    note(column, name, outcome);
}

static void run_ours(struct column *column)
{
    char command[COMMAND_BYTES];
    size_t used = (size_t)snprintf(command, sizeof command, "%s%s attack --json", as_user(), bench_program("bulkhead"));
    for (unsigned i = 0; i < name_count; i++)
        used += (size_t)snprintf(command + used, sizeof command - used, " %s", names[i]);
    FILE *output = popen(command, "r");
    json_t *root = output != NULL ? json_loadf(output, 0, NULL) : NULL;
    size_t at;
    json_t *attempt;
    json_array_foreach(json_object_get(root, "attempts"), at, attempt)
        take_ours(column, attempt);
    json_decref(root);
    column->is_there = output != NULL && pclose(output) >= 0 && count_tried(column, ATTACK_FAMILY_COUNT) > 0;
}

static void print_row(unsigned attempt, const struct column *columns, unsigned count)
{
    printf("  %-20s", names[attempt]);
    for (unsigned i = 0; i < count; i++)
        if (columns[i].is_there)
            printf("%*s", WIDTH,
                   columns[i].outcomes[attempt] == 's'   ? "SUCCEEDED"
                   : columns[i].outcomes[attempt] == 'k' ? "killed"
                   : columns[i].outcomes[attempt] == 'r' ? "refused"
                                                         : "-");
    printf("\n");
}

static void print_titles(const struct column *columns, unsigned count)
{
    printf("  %-20s", "");
    for (unsigned i = 0; i < count; i++)
        if (columns[i].is_there)
            printf("%*s", WIDTH, columns[i].title);
    printf("\n");
}

static void print_family(unsigned family, const struct column *columns, unsigned count)
{
    if (count_tried(&columns[0], family) == 0)
        return;
    printf("  %-20s", family < ATTACK_FAMILY_COUNT ? attack_family_name(family) : "got through");
    for (unsigned i = 0; i < count; i++)
        if (columns[i].is_there)
            printf("%*u of %2u", WIDTH - 6, columns[i].through[family], count_tried(&columns[i], family));
    printf("\n");
}

int main(void)
{
    struct column columns[] = {
        {.title = "bulkhead", .program = "bulkhead"},
        {.title = "no sandbox", .program = "env", .command = "env %s"},
        {.title = "bwrap --unshare-all",
         .program = "bwrap",
         .command = "bwrap --unshare-all --die-with-parent --ro-bind / / --proc /proc --dev /dev %s"},
        {.title = "firejail", .program = "firejail", .command = "firejail --quiet --noprofile %s"},
        {.title = "firejail, tightened",
         .program = "firejail",
         .command = "firejail --quiet --noprofile --private --private-dev --net=none --caps.drop=all --nonewprivs "
                    "--seccomp --memory-deny-write-execute %s"},
    };
    enum { COLUMNS = sizeof columns / sizeof columns[0] };
    bench_title("The same attempts, by an ordinary user (tests/bench/bench_attack.c)");
    set_limits();
    for (unsigned i = 1; i < COLUMNS; i++)
        run_alone(&columns[i]);
    if (name_count == 0)
        return 1;
    run_ours(&columns[0]);
    print_titles(columns, COLUMNS);
    for (unsigned attempt = 0; attempt < name_count; attempt++)
        print_row(attempt, columns, COLUMNS);
    printf("\n");
    print_titles(columns, COLUMNS);
    for (unsigned family = 0; family <= ATTACK_FAMILY_COUNT; family++)
        print_family(family, columns, COLUMNS);
    bench_note("bwrap and firejail run programs that need files and calls; they are here as they are commonly started");
    return 0;
}
