/* pipeline.c - commands joined by pipes, as a shell does it: every unused end closed, every command's end reported. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/text.h"
#include "demo/lab/command_pipeline.h"
#include "demo/lab/entry.h"

enum { MATCHING = 7, OTHERS = 5, TIMEOUT_MS = 10000, OUTPUT_BYTES = 4096 };

/* "ls", or as much of a command as a line holds; escaped. */
static const char *name_command(const struct command *command, char *out, size_t out_bytes)
{
    char words[128] = "";
    size_t length = 0;

    for (char *const *word = command->argv; *word != NULL && length < sizeof(words); word++)
        length += (size_t)snprintf(words + length, sizeof(words) - length, "%s%s", length > 0 ? " " : "", *word);
    text_escape(out, out_bytes, words, strlen(words));
    return out;
}

static void tell_ends(struct lab_stage *stage, const struct command *commands, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int outcome = commands[i].outcome;
        char name[256];

        name_command(&commands[i], name, sizeof(name));
        if (outcome == -ETIMEDOUT)
            lab_say(stage, "stage %zu, %s: still running, and was killed", i + 1, name);
        else if (outcome < 0)
            lab_say(stage, "stage %zu, %s: could not be started: %s", i + 1, name, strerror(-outcome));
        else if (outcome > 128)
            lab_say(stage, "stage %zu, %s: ended by %s", i + 1, name, strsignal(outcome - 128));
        else
            lab_say(stage, "stage %zu, %s: exit code %d", i + 1, name, outcome);
    }
}

/* Runs them to their end. Bytes of output, or -errno. */
static ssize_t run(struct command *commands, size_t count, char *out, size_t out_bytes)
{
    _fd_cleanup_ int output = -1;
    int rc = command_pipeline_start(commands, count, -1, &output);

    if (rc < 0)
        return rc;
    ssize_t length = command_pipeline_read(output, out, out_bytes, TIMEOUT_MS);
    fd_close(&output); /* whoever would write on gets SIGPIPE */
    command_pipeline_wait(commands, count, length < 0 ? 0 : TIMEOUT_MS);
    return length;
}

static void quote_lines(struct lab_stage *stage, char *text)
{
    char *rest = NULL;

    for (const char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        lab_quote(stage, line);
}

static void make_files(const char *directory, bool make)
{
    for (int i = 0; i < MATCHING + OTHERS; i++) {
        char path[160];

        snprintf(path, sizeof(path), "%s/%s-%d", directory, i < MATCHING ? "letter" : "other", i);
        if (make)
            close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        else
            unlink(path);
    }
}

static void show_first_example(struct lab_stage *stage, char *directory)
{
    char *list[] = {"ls", directory, NULL}, *pick[] = {"grep", "letter", NULL}, *count[] = {"wc", "-l", NULL};
    struct command commands[] = {{.argv = list}, {.argv = pick}, {.argv = count}};
    char output[OUTPUT_BYTES] = "";

    lab_say(stage, "ls | grep letter | wc -l, in a directory with %d letters and %d other files:", MATCHING, OTHERS);
    run(commands, 3, output, sizeof(output));
    lab_claim(stage, atoi(output) == MATCHING, "what came out at the end counts %d lines", atoi(output));
    tell_ends(stage, commands, 3);
    lab_claim(stage, commands[0].outcome == 0 && commands[1].outcome == 0 && commands[2].outcome == 0,
              "all three were waited for, and ended well");
}

/* A command that lists its own descriptors: 0 to 2, and the one it reads the directory with. */
static void show_ends(struct lab_stage *stage)
{
    char *list[] = {"ls", "/proc/self/fd", NULL}, *sort[] = {"sort", NULL};
    struct command commands[] = {{.argv = list}, {.argv = sort}};
    char output[OUTPUT_BYTES] = "";

    run(commands, 2, output, sizeof(output));
    lab_claim(stage, strcmp(output, "0\n1\n2\n3\n") == 0,
              "a stage has the ends at 0 and 1 and no other: ls has opened but the directory itself");
}

static void show_failing_stage(struct lab_stage *stage)
{
    char *shell[] = {"sh", "-c", "echo one | false | cat", NULL};
    char *echo[] = {"echo", "one", NULL}, *fail[] = {"false", NULL}, *crash[] = {"sh", "-c", "kill -SEGV $$", NULL};
    char *missing[] = {"no-such-command", NULL}, *cat[] = {"cat", NULL};
    struct command as_shell[] = {{.argv = shell}};
    struct command commands[] = {{.argv = echo}, {.argv = fail}, {.argv = crash}, {.argv = missing}, {.argv = cat}};
    char output[OUTPUT_BYTES] = "";

    lab_pitfall(stage, "A shell reports the last command's exit code: a stage that failed before it goes unseen.");
    run(as_shell, 1, output, sizeof(output));
    lab_claim(stage, as_shell[0].outcome == 0, "sh -c 'echo one | false | cat' says 0");
    run(commands, 5, output, sizeof(output));
    tell_ends(stage, commands, 5);
    lab_claim(stage,
              commands[1].outcome == 1 && commands[2].outcome == 128 + SIGSEGV &&
                  (commands[3].outcome < 0 || commands[3].outcome == 127) && commands[4].outcome == 0,
              "each stage waited for by itself: the failure, the crash and the missing command are all told");
}

static void show_writer_without_reader(struct lab_stage *stage)
{
    char *yes[] = {"yes", NULL}, *head[] = {"head", "-n", "1", NULL};
    struct command commands[] = {{.argv = yes}, {.argv = head}};
    char output[OUTPUT_BYTES] = "";

    run(commands, 2, output, sizeof(output));
    lab_claim(stage, strcmp(output, "y\n") == 0 && commands[0].outcome == 128 + SIGPIPE,
              "yes | head -n 1: the endless writer ended by SIGPIPE when its reader was gone");
}

static void show_end_left_open(struct lab_stage *stage)
{
    char *count[] = {"wc", "-c", NULL}, output[OUTPUT_BYTES] = "";
    struct command command = {.argv = count};
    _fd_cleanup_ int out = -1;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0 || command_pipeline_start(&command, 1, ends[0], &out) < 0) {
        lab_claim(stage, false, "cannot begin: %s", strerror(errno));
        return;
    }
    fd_close(&ends[0]);
    (void)!write(ends[1], "all there is", 12);
    lab_pitfall(stage, "Whoever set the pipes up must close its own copies, or no reader sees the end.");
    ssize_t length = command_pipeline_read(out, output, sizeof(output), 500);
    lab_claim(stage, length == -ETIMEDOUT, "with our copy of the writing end open, wc still waits after half a second");
    fd_close(&ends[1]);
    length = command_pipeline_read(out, output, sizeof(output), TIMEOUT_MS);
    command_pipeline_wait(&command, 1, TIMEOUT_MS);
    lab_claim(stage, length > 0 && atoi(output) == 12 && command.outcome == 0, "closed, it counts %d bytes and ends",
              atoi(output));
}

static void show_given(struct lab_stage *stage, char **words, size_t word_count)
{
    struct command commands[COMMAND_PIPELINE_MAX];
    char output[OUTPUT_BYTES] = "";
    int count = command_pipeline_parse(words, word_count, commands);

    if (count < 0) {
        lab_claim(stage, false, "1 to %d commands, with a word '|' between two", COMMAND_PIPELINE_MAX);
        return;
    }
    ssize_t length = run(commands, (size_t)count, output, sizeof(output));
    quote_lines(stage, output);
    if (length == (ssize_t)sizeof(output) - 1)
        lab_say(stage, "(only the first %zu bytes were read, and the rest was refused)", sizeof(output) - 1);
    tell_ends(stage, commands, (size_t)count);
    for (int i = 0; i < count; i++)
        lab_claim(stage, commands[i].outcome >= 0, "stage %d came to an end of its own", i + 1);
}

static void show(struct lab_stage *stage)
{
    char directory[128];
    size_t word_count;
    char **words = lab_stage_arguments(stage, &word_count);

    if (word_count > 0) {
        show_given(stage, words, word_count);
        return;
    }
    snprintf(directory, sizeof(directory), "%s", lab_stage_directory(stage));
    make_files(directory, true);
    show_first_example(stage, directory);
    make_files(directory, false);
    show_ends(stage);
    show_failing_stage(stage);
    show_writer_without_reader(stage);
    show_end_left_open(stage);
}

LAB_ENTRY(entry, .name = "pipeline", .family = "pipes", .summary = "real commands joined by pipes, as a shell does it",
          .pitfall = "only the last command's exit code is seen", .arguments = "COMMAND... ['|' COMMAND...]...",
          .show = show);
