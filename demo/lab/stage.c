#include "demo/lab/stage.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/command/cli.h"
#include "common/fd.h"
#include "common/text.h"

enum { LINE_BYTES = 512, MARK_COLUMNS = 4 };

struct lab_stage {
    FILE *out;
    const char *directory;
    json_t *stories; // NULL: for people
    json_t *story;   // of the entry being told; owned by stories
    unsigned failed; // claims of this story
    char **words;    // arguments; borrowed
    size_t word_count;
};

int lab_stage_create(FILE *out, bool json, const char *directory, struct lab_stage **ret_stage)
{
    struct lab_stage *stage = calloc(1, sizeof(*stage));

    if (stage == NULL)
        return -ENOMEM;
    stage->out = out;
    stage->directory = directory;
    stage->stories = json ? json_array() : NULL;
    *ret_stage = stage;
    return 0;
}

void lab_stage_destroy(struct lab_stage *stage)
{
    if (stage == NULL)
        return;
    json_decref(stage->stories);
    free(stage);
}

const char *lab_stage_directory(const struct lab_stage *stage)
{
    return stage->directory;
}

void lab_stage_set_arguments(struct lab_stage *stage, char **words, size_t count)
{
    stage->words = words;
    stage->word_count = count;
}

char **lab_stage_arguments(const struct lab_stage *stage, size_t *ret_count)
{
    *ret_count = stage->word_count;
    return stage->words;
}

void lab_stage_begin(struct lab_stage *stage, const char *name, const char *summary, const char *pitfall)
{
    stage->failed = 0;
    if (stage->stories != NULL) {
        stage->story =
            json_pack("{s:s, s:s, s:s*, s:[]}", "name", name, "summary", summary, "pitfall", pitfall, "steps");
        json_array_append_new(stage->stories, stage->story);
        return;
    }
    fprintf(stage->out, "== %s: %s\n", name, summary);
}

bool lab_stage_end(struct lab_stage *stage)
{
    if (stage->stories != NULL)
        json_object_set_new(stage->story, "holds", json_boolean(stage->failed == 0));
    else
        fputc('\n', stage->out);
    return stage->failed == 0;
}

void lab_stage_finish(struct lab_stage *stage)
{
    if (stage->stories != NULL) {
        json_dumpf(stage->stories, stage->out, JSON_INDENT(2));
        fputc('\n', stage->out);
    }
}

/* One step of the story. `mark` is what people see before it, `kind` what programs do. */
static void step(struct lab_stage *stage, const char *mark, const char *kind, const char *text)
{
    if (stage->stories != NULL)
        json_array_append_new(json_object_get(stage->story, "steps"),
                              json_pack("{s:s, s:s}", "kind", kind, "text", text));
    else {
        size_t columns = cli_terminal_columns();
        fprintf(stage->out, "%s ", mark);
        text_print_wrapped(stage->out, text, MARK_COLUMNS, columns > 0 ? columns : SIZE_MAX, MARK_COLUMNS);
    }
}

#define STEP(mark, kind)                                                                                               \
    char text_[LINE_BYTES];                                                                                            \
    va_list arguments_;                                                                                                \
    va_start(arguments_, format);                                                                                      \
    vsnprintf(text_, sizeof(text_), format, arguments_);                                                               \
    va_end(arguments_);                                                                                                \
    step(stage, (mark), (kind), text_)

void lab_say(struct lab_stage *stage, const char *format, ...)
{
    STEP("   ", "say");
}

void lab_pitfall(struct lab_stage *stage, const char *format, ...)
{
    STEP("  !", "pitfall");
}

void lab_skip(struct lab_stage *stage, const char *format, ...)
{
    STEP("  -", "skipped");
}

void lab_quote(struct lab_stage *stage, const char *text)
{
    char escaped[LINE_BYTES];

    text_escape(escaped, sizeof(escaped), text, strcspn(text, "\n"));
    step(stage, "  |", "quote", escaped);
}

void lab_number(struct lab_stage *stage, const char *name, double value, const char *unit)
{
    if (stage->stories != NULL)
        json_array_append_new(
            json_object_get(stage->story, "steps"),
            json_pack("{s:s, s:s, s:f, s:s}", "kind", "number", "name", name, "value", value, "unit", unit));
    else
        fprintf(stage->out, "    %-52s %12.*f %s\n", name, value == (double)(int64_t)value ? 0 : 2, value, unit);
}

bool lab_claim(struct lab_stage *stage, bool holds, const char *format, ...)
{
    STEP(holds ? "  ✓" : "  ✗ NOT SO:", holds ? "holds" : "fails");
    if (!holds)
        stage->failed++;
    return holds;
}

pid_t lab_fork(struct lab_stage *stage, int (*body)(void *userdata), void *userdata)
{
    fflush(stage->out);
    pid_t pid = fork();

    if (pid == 0)
        _exit(body(userdata));
    return pid < 0 ? -errno : pid;
}

int lab_wait_child(pid_t pid, int timeout_ms)
{
    _fd_cleanup_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd ended = {.fd = pidfd, .events = POLLIN};
    bool is_late = pidfd >= 0 && poll(&ended, 1, timeout_ms) == 0;
    int status;

    if (is_late)
        kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return -errno;
    if (is_late)
        return -ETIMEDOUT;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
