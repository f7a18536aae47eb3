#include "broker/command/exit_codes.h"

#include <errno.h>

static const struct exit_code_row rows[] = {
    {EXIT_CODE_OK, "ok", "everything was done", NULL},
    {EXIT_CODE_SOME_FAILED, "some-failed", "several inputs were given and at least one of them failed",
     "see the lines on stderr, or --json, for each input's own code"},
    {EXIT_CODE_USAGE, "usage", "the command line or the policy file was not understood", "see bulkhead help"},
    {EXIT_CODE_NOT_FOUND, "not-found", "the input does not exist", NULL},
    {EXIT_CODE_NO_PERMISSION, "no-permission", "the input may not be read", "check its permissions with ls -l"},
    {EXIT_CODE_IS_DIRECTORY, "is-directory", "the input is a directory", "name the files in it"},
    {EXIT_CODE_NOT_REGULAR, "not-regular", "the input is a FIFO, a device or a socket",
     "pipe it in instead and say - as the input"},
    {EXIT_CODE_EMPTY, "empty", "the input has no bytes", NULL},
    {EXIT_CODE_UNREADABLE, "unreadable", "the system could not read the input", NULL},
    {EXIT_CODE_UNSUPPORTED, "unsupported-format", "the input's content is of no format the renderer knows",
     "see bulkhead help for the formats"},
    {EXIT_CODE_DAMAGED, "damaged", "the input is truncated or damaged beyond what can be repaired", NULL},
    {EXIT_CODE_PASSWORD_REQUIRED, "password-required", "the input is encrypted",
     "put its password into a file and say --password-file FILE"},
    {EXIT_CODE_PASSWORD_WRONG, "password-wrong", "the password does not open the input",
     "check the first line of the password file"},
    {EXIT_CODE_NO_SUCH_PAGE, "no-such-page", "the page range asks for a page the input does not have",
     "see bulkhead info for the number of pages"},
    {EXIT_CODE_TOO_LARGE, "too-large", "the input, or the picture of a page, is larger than Bulkhead takes",
     "say --width or a lower --dpi"},
    {EXIT_CODE_NOT_RENDERED, "not-rendered", "the renderer could not paint it, for a reason of its own", NULL},
    {EXIT_CODE_OUTPUT_UNWRITABLE, "output-unwritable", "an output could not be written", NULL},
    {EXIT_CODE_OUTPUT_IS_DIRECTORY, "output-is-directory", "the output is a directory",
     "name files in it with a pattern such as -o DIR/%s-%03d.png"},
    {EXIT_CODE_OUTPUT_IS_INPUT, "output-is-input", "the output would overwrite an input", "choose another -o"},
    {EXIT_CODE_DISK_FULL, "disk-full", "the output's disk is full or a quota is used up", "free some space"},
    {EXIT_CODE_OUTPUT_CLOSED, "output-closed", "whoever read the output closed it", NULL},
    {EXIT_CODE_OUTPUT_CLASH, "output-clash", "two outputs of this run would go to the same file",
     "choose names that differ with -o, such as -o '%s-page-%03d.png'"},
    {EXIT_CODE_CRASHED, "crashed", "the renderer crashed", NULL},
    {EXIT_CODE_SANDBOX_VIOLATION, "sandbox-violation", "the renderer tried what the sandbox forbids and was killed",
     NULL},
    {EXIT_CODE_OUT_OF_MEMORY, "out-of-memory", "the renderer ran out of the memory it may use",
     "allow more with --memory SIZE"},
    {EXIT_CODE_HUNG, "hung", "the renderer stopped answering and was killed", NULL},
    {EXIT_CODE_TIMEOUT, "timeout", "one step took longer than --timeout allows", "allow more with --timeout SECONDS"},
    {EXIT_CODE_BAD_MESSAGE, "bad-message", "the renderer sent what no honest renderer sends and was killed", NULL},
    {EXIT_CODE_UNEXPECTED_EXIT, "unexpected-exit", "the renderer ended without being asked", NULL},
    {EXIT_CODE_QUARANTINED, "quarantined", "the renderer ended badly too often on this input", NULL},
    {EXIT_CODE_LAYER_MISSING, "layer-missing", "a sandbox layer named by --require is not to be had here", NULL},
    {EXIT_CODE_NO_RENDERER, "no-renderer", "no renderer could be started", NULL},
    {EXIT_CODE_NOT_IN_FORCE, "not-in-force", "bulkhead sandbox found a layer not in force, or a process contradicted",
     "see the evidence it shows for that layer"},
    {EXIT_CODE_NOT_HELD, "not-held", "an attempt of bulkhead attack did not come out as it must",
     "see what was seen for it; bulkhead attack NAME tries it again"},
    {EXIT_CODE_INTERNAL, "internal", "Bulkhead itself failed", NULL},
    {EXIT_CODE_SIGNAL, "interrupted", "128 + n: interrupted by signal n (130: Ctrl-C, 143: kill)", NULL},
};

const struct exit_code_row *exit_codes(size_t *ret_count)
{
    *ret_count = sizeof(rows) / sizeof(rows[0]);
    return rows;
}

const struct exit_code_row *exit_code_find(int code)
{
    if (code > EXIT_CODE_SIGNAL)
        code = EXIT_CODE_SIGNAL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if ((int)rows[i].code == code)
            return &rows[i];
    return NULL;
}

const char *exit_code_name(int code)
{
    const struct exit_code_row *row = exit_code_find(code);
    return row ? row->name : "unknown";
}

const char *exit_code_way_out(int code)
{
    const struct exit_code_row *row = exit_code_find(code);
    return row ? row->way_out : NULL;
}

enum exit_code exit_code_of_problem(enum document_problem problem)
{
    switch (problem) {
    case DOCUMENT_OK:
        return EXIT_CODE_OK;
    case DOCUMENT_NOT_FOUND:
        return EXIT_CODE_NOT_FOUND;
    case DOCUMENT_NO_PERMISSION:
        return EXIT_CODE_NO_PERMISSION;
    case DOCUMENT_IS_DIRECTORY:
        return EXIT_CODE_IS_DIRECTORY;
    case DOCUMENT_NOT_REGULAR:
        return EXIT_CODE_NOT_REGULAR;
    case DOCUMENT_EMPTY:
        return EXIT_CODE_EMPTY;
    case DOCUMENT_NO_SUCH_PAGE:
        return EXIT_CODE_NOT_FOUND;
    case DOCUMENT_SYSTEM_ERROR:
        return EXIT_CODE_UNREADABLE;
    }
    return EXIT_CODE_INTERNAL;
}

enum exit_code exit_code_of_error(Bulkhead__Error__Code code)
{
    switch (code) {
    case BULKHEAD__ERROR__CODE__UNSUPPORTED_FORMAT:
        return EXIT_CODE_UNSUPPORTED;
    case BULKHEAD__ERROR__CODE__DAMAGED:
    case BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT:
        return EXIT_CODE_DAMAGED;
    case BULKHEAD__ERROR__CODE__PASSWORD_REQUIRED:
        return EXIT_CODE_PASSWORD_REQUIRED;
    case BULKHEAD__ERROR__CODE__PASSWORD_WRONG:
        return EXIT_CODE_PASSWORD_WRONG;
    case BULKHEAD__ERROR__CODE__NO_SUCH_PAGE:
        return EXIT_CODE_NO_SUCH_PAGE;
    case BULKHEAD__ERROR__CODE__TOO_LARGE:
        return EXIT_CODE_TOO_LARGE;
    case BULKHEAD__ERROR__CODE__OUT_OF_MEMORY:
        return EXIT_CODE_OUT_OF_MEMORY;
    case BULKHEAD__ERROR__CODE__UNKNOWN:
    case BULKHEAD__ERROR__CODE__CANCELLED:
    case BULKHEAD__ERROR__CODE__NO_FRAME_MEMORY:
    case BULKHEAD__ERROR__CODE__NO_DOCUMENT:
    case BULKHEAD__ERROR__CODE__REFUSED:
    case _BULKHEAD__ERROR__CODE_IS_INT_SIZE:
        return EXIT_CODE_NOT_RENDERED;
    }
    return EXIT_CODE_NOT_RENDERED;
}

/* The broker killed it: for what? */
static enum exit_code exit_code_of_kill(enum kill_reason reason)
{
    switch (reason) {
    case KILL_TIMEOUT:
        return EXIT_CODE_TIMEOUT;
    case KILL_START:
        return EXIT_CODE_NO_RENDERER;
    case KILL_HUNG:
        return EXIT_CODE_HUNG;
    case KILL_BAD_MESSAGE:
        return EXIT_CODE_BAD_MESSAGE;
    case KILL_NONE:
    case KILL_CLOSED:
    case KILL_SHUTDOWN:
    case KILL_LEFT:
    case KILL_CELL:
        break;
    }
    return EXIT_CODE_UNEXPECTED_EXIT;
}

enum exit_code exit_code_of_end(const struct exit_report *report)
{
    switch (report->cause) {
    case EXIT_CAUSE_CRASHED:
        return EXIT_CODE_CRASHED;
    case EXIT_CAUSE_SANDBOX_VIOLATION:
        return EXIT_CODE_SANDBOX_VIOLATION;
    case EXIT_CAUSE_OUT_OF_MEMORY:
        return EXIT_CODE_OUT_OF_MEMORY;
    case EXIT_CAUSE_HUNG: /* an answer that did not come: to a ping, in the time for a request, or to the start */
        return report->kill_reason == KILL_TIMEOUT || report->kill_reason == KILL_START
                   ? exit_code_of_kill(report->kill_reason)
                   : EXIT_CODE_HUNG;
    case EXIT_CAUSE_BAD_MESSAGE:
        return EXIT_CODE_BAD_MESSAGE;
    case EXIT_CAUSE_KILLED_BY_BROKER:
        return exit_code_of_kill(report->kill_reason);
    case EXIT_CAUSE_CLEAN: /* it left while work was under way */
    case EXIT_CAUSE_UNEXPECTED_EXIT:
        return EXIT_CODE_UNEXPECTED_EXIT;
    case EXIT_CAUSE_COUNT:
        break;
    }
    return EXIT_CODE_INTERNAL;
}

enum exit_code exit_code_of_output(int error)
{
    switch (-error) {
    case 0:
        return EXIT_CODE_OK;
    case EISDIR:
        return EXIT_CODE_OUTPUT_IS_DIRECTORY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return EXIT_CODE_DISK_FULL;
    case EPIPE:
    case EBADF: /* stdout was closed before we were started */
        return EXIT_CODE_OUTPUT_CLOSED;
    case ENOMEM:
        return EXIT_CODE_INTERNAL;
    default:
        return EXIT_CODE_OUTPUT_UNWRITABLE;
    }
}

void exit_codes_print(FILE *out)
{
    fputs("Exit codes of bulkhead\n\n", out);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        fprintf(out, "  %3d  %-20s %s\n", (int)rows[i].code, rows[i].name, rows[i].meaning);
        if (rows[i].way_out)
            fprintf(out, "       %-20s   %s\n", "", rows[i].way_out);
    }
    fputs("\nWith one input the code is that input's own; with several it is 1 when any of them failed.\n", out);
}
