#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/batch_private.h"
#include "broker/command/cli.h"
#include "common/text.h"

void batch_error_clear(struct batch_error *error)
{
    free(error->message);
    free(error->way_out);
    *error = (struct batch_error){.code = EXIT_CODE_OK};
}

/* Without memory the code remains, and the table's words for it. */
static char *format_text(const char *format, va_list arguments)
{
    char *text = NULL;
    return vasprintf(&text, format, arguments) < 0 ? NULL : text;
}

void batch_error_set(struct batch_error *error, enum exit_code code, const char *format, ...)
{
    va_list arguments;
    batch_error_clear(error);
    error->code = code;
    va_start(arguments, format);
    error->message = format_text(format, arguments);
    va_end(arguments);
}

void batch_error_set_way_out(struct batch_error *error, const char *format, ...)
{
    va_list arguments;
    free(error->way_out);
    va_start(arguments, format);
    error->way_out = format_text(format, arguments);
    va_end(arguments);
}

void batch_error_copy(struct batch_error *into, const struct batch_error *from)
{
    if (into == from)
        return;
    batch_error_clear(into);
    into->code = from->code;
    into->message = from->message ? strdup(from->message) : NULL;
    into->way_out = from->way_out ? strdup(from->way_out) : NULL;
}

const char *batch_error_way_out(const struct batch_error *error)
{
    if (error->way_out)
        return *error->way_out ? error->way_out : NULL;
    return exit_code_way_out((int)error->code);
}

static const char *engine_words(Bulkhead__Error__Code code)
{
    switch (code) {
    case BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT:
        return "its content is of no known format";
    case BULKHEAD__ERROR__CODE__DAMAGED:
        return "damaged or truncated";
    case BULKHEAD__ERROR__CODE__PASSWORD_REQUIRED:
        return "encrypted, and no password was given";
    case BULKHEAD__ERROR__CODE__PASSWORD_WRONG:
        return "encrypted, and the password is wrong";
    case BULKHEAD__ERROR__CODE__NO_SUCH_PAGE:
        return "no such page";
    case BULKHEAD__ERROR__CODE__TOO_LARGE:
        return "too large";
    case BULKHEAD__ERROR__CODE__OUT_OF_MEMORY:
        return "out of memory";
    case BULKHEAD__ERROR__CODE__CANCELLED:
        return "cancelled";
    case BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT:
        return "has no pages";
    case BULKHEAD__ERROR__CODE__UNKNOWN:
    case BULKHEAD__ERROR__CODE__NO_FRAME_MEMORY:
    case BULKHEAD__ERROR__CODE__NO_DOCUMENT:
    case BULKHEAD__ERROR__CODE__REFUSED:
    case _BULKHEAD__ERROR__CODE_IS_INT_SIZE:
        break;
    }
    return "could not be rendered";
}

/* The engine's own words add nothing where ours say it all. */
static bool is_self_evident(Bulkhead__Error__Code code)
{
    return code == BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT || code == BULKHEAD__ERROR__CODE__PASSWORD_REQUIRED ||
           code == BULKHEAD__ERROR__CODE__PASSWORD_WRONG || code == BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT;
}

void batch_error_of_engine(struct batch_error *error, Bulkhead__Error__Code code, const char *detail,
                           const struct document *document)
{
    bool is_about = document_url(document)[0] != '\0';
    if (*detail && is_about) { /* "no page about:x; there are: …" */
        batch_error_set(error, exit_code_of_error(code), "%s", detail);
        batch_error_set_way_out(error, "%s", "");
    } else if (*detail && !is_self_evident(code)) {
        batch_error_set(error, exit_code_of_error(code), "%s: %s", engine_words(code), detail);
    } else {
        batch_error_set(error, exit_code_of_error(code), "%s", engine_words(code));
    }
    /* The table's way out is for a page that is to be painted too large. It is the document that is, here. */
    if (code == BULKHEAD__ERROR__CODE__TOO_LARGE)
        batch_error_set_way_out(error, "%s", "");
}

void batch_error_of_problem(struct batch_error *error, enum document_problem problem, int error_number)
{
    char text[64];
    enum exit_code code = exit_code_of_problem(problem);
    if (problem == DOCUMENT_SYSTEM_ERROR)
        batch_error_set(error, code, "%s: %s", document_problem_text(problem),
                        cli_error_text(error_number, text, sizeof(text)));
    else if (problem == DOCUMENT_NOT_REGULAR)
        batch_error_set(error, code, "is a pipe, a device or a socket, not a regular file");
    else
        batch_error_set(error, code, "%s", document_problem_text(problem));
}

void batch_error_of_output(struct batch_error *error, const char *path, int result)
{
    char shown[256], text[64];
    text_escape(shown, sizeof(shown), path, strlen(path));
    if (result == OUTPUT_IS_INPUT)
        batch_error_set(error, EXIT_CODE_OUTPUT_IS_INPUT, "not written: the output %s is an input", shown);
    else if (result == OUTPUT_IS_RECORD)
        batch_error_set(error, EXIT_CODE_OUTPUT_CLASH, "not written: the output %s is this run's --trace or --record",
                        shown);
    else if (strcmp(path, "-") == 0)
        batch_error_set(error, exit_code_of_output(result), "standard output: %s",
                        cli_stdout_error_text(result, text, sizeof(text)));
    else
        batch_error_set(error, exit_code_of_output(result), "cannot write %s: %s", shown,
                        cli_error_text(result, text, sizeof(text)));
    if (result == -ENOENT)
        batch_error_set_way_out(error, "make its directory first");
    else if (result == -ENXIO)
        batch_error_set_way_out(error, "nobody reads from it");
}

static const char *end_words(const struct exit_report *report)
{
    switch (report->cause) {
    case EXIT_CAUSE_CRASHED:
        return "the renderer crashed";
    case EXIT_CAUSE_SANDBOX_VIOLATION:
        return "the renderer tried what the sandbox forbids";
    case EXIT_CAUSE_OUT_OF_MEMORY:
        return "the renderer ran out of memory";
    case EXIT_CAUSE_HUNG:
        return report->kill_reason == KILL_TIMEOUT ? "the renderer took too long" : "the renderer hung";
    case EXIT_CAUSE_BAD_MESSAGE:
        return "the renderer sent a bad message";
    case EXIT_CAUSE_KILLED_BY_BROKER:
        return "the renderer was stopped";
    case EXIT_CAUSE_CLEAN:
    case EXIT_CAUSE_UNEXPECTED_EXIT:
    case EXIT_CAUSE_COUNT:
        break;
    }
    return "the renderer ended unexpectedly";
}

void batch_error_of_end(struct batch_error *error, const struct exit_report *report)
{
    /* "crashed: SIGSEGV (…) at 0x10": the word before the colon is said in our sentence. */
    const char *detail = strstr(report->summary, ": ");
    batch_error_set(error, exit_code_of_end(report), "%s: %s", end_words(report),
                    detail ? detail + 2 : report->summary);
    /* --memory would not have helped. */
    if (report->oom.kind == OOM_AROUND || report->oom.kind == OOM_HOST)
        batch_error_set_way_out(error, "free some memory");
}
