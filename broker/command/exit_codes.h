/* exit_codes.h - the one table of what a command's exit code means: number, name, meaning, way out.
 *
 * The numbers are an interface: scripts depend on them, so a code is never reused. The names are what --json shows as
 * error.name. Codes stay below 126, which shells keep for themselves; 128 + n means "interrupted by signal n".
 */
#ifndef BULKHEAD_EXIT_CODES_H
#define BULKHEAD_EXIT_CODES_H

#include <stdio.h>

#include "broker/document/document.h"
#include "broker/exit_cause.h"
#include "to_broker.pb-c.h"

enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_SOME_FAILED = 1,
    EXIT_CODE_USAGE = 2,

    EXIT_CODE_NOT_FOUND = 10,
    EXIT_CODE_NO_PERMISSION = 11,
    EXIT_CODE_IS_DIRECTORY = 12,
    EXIT_CODE_NOT_REGULAR = 13,
    EXIT_CODE_EMPTY = 14,
    EXIT_CODE_UNREADABLE = 15,

    EXIT_CODE_UNSUPPORTED = 20,
    EXIT_CODE_DAMAGED = 21,
    EXIT_CODE_PASSWORD_REQUIRED = 22,
    EXIT_CODE_PASSWORD_WRONG = 23,
    EXIT_CODE_NO_SUCH_PAGE = 24,
    EXIT_CODE_TOO_LARGE = 25,
    EXIT_CODE_NOT_RENDERED = 26,

    EXIT_CODE_OUTPUT_UNWRITABLE = 30,
    EXIT_CODE_OUTPUT_IS_DIRECTORY = 31,
    EXIT_CODE_OUTPUT_IS_INPUT = 32,
    EXIT_CODE_DISK_FULL = 33,
    EXIT_CODE_OUTPUT_CLOSED = 34,
    EXIT_CODE_OUTPUT_CLASH = 35,

    EXIT_CODE_CRASHED = 40,
    EXIT_CODE_SANDBOX_VIOLATION = 41,
    EXIT_CODE_OUT_OF_MEMORY = 42,
    EXIT_CODE_HUNG = 43,
    EXIT_CODE_TIMEOUT = 44,
    EXIT_CODE_BAD_MESSAGE = 45,
    EXIT_CODE_UNEXPECTED_EXIT = 46,
    EXIT_CODE_QUARANTINED = 47,

    EXIT_CODE_LAYER_MISSING = 50,
    EXIT_CODE_NO_RENDERER = 51,
    EXIT_CODE_NOT_IN_FORCE = 52,

    EXIT_CODE_NOT_HELD = 60,

    EXIT_CODE_INTERNAL = 70,
    EXIT_CODE_SIGNAL = 128, /* + the signal's number */
};

struct exit_code_row {
    enum exit_code code;
    const char *name;    /* "password-required" */
    const char *meaning; /* one line, lower case */
    const char *way_out; /* what the user can do, or NULL */
};

/* The rows in ascending order; *ret_count of them. EXIT_CODE_SIGNAL stands for all codes from 129 on. */
const struct exit_code_row *exit_codes(size_t *ret_count);

/* The row of a code; codes from 129 on have the row of EXIT_CODE_SIGNAL. NULL if the code is not in the table. */
const struct exit_code_row *exit_code_find(int code);
const char *exit_code_name(int code);    /* "unknown" if not in the table */
const char *exit_code_way_out(int code); /* NULL if there is none */

/* What each source of failure becomes. */
enum exit_code exit_code_of_problem(enum document_problem problem);
enum exit_code exit_code_of_error(Bulkhead__Error__Code code);
enum exit_code exit_code_of_end(const struct exit_report *report);
/* An output that could not be written: -errno. */
enum exit_code exit_code_of_output(int error);

/* The table for people, as `bulkhead help exit-codes` shows it. */
void exit_codes_print(FILE *out);

#endif
