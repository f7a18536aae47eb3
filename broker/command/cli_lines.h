/* cli_lines.h - text for people: broken between words where it goes to a terminal, and as it is where it does not.
 *
 * A terminal by itself breaks lines in the middle of words. Whoever reads a pipe or a file wants one line a message.
 */
#ifndef BULKHEAD_CLI_LINES_H
#define BULKHEAD_CLI_LINES_H

#include <stddef.h>
#include <stdio.h>

/* Messages on their way to a stream. */
struct cli_lines {
    FILE *out;    /* borrowed */
    FILE *buffer; /* NULL: out is no terminal, and is written to at once */
    char *text;
    size_t text_bytes;
};

/* Where to write lines that begin with "bulkhead: ". Never NULL; lives until cli_lines_end(). */
FILE *cli_lines_begin(struct cli_lines *lines, FILE *out);
void cli_lines_end(struct cli_lines *lines);

/* A help page: on a terminal its paragraphs, and the descriptions of its options, are set anew to the width there is.
 */
void cli_lines_print_help(FILE *out, const char *text);

/* The columns of the terminal that `out` is; 0 if it is none. */
size_t cli_lines_columns(FILE *out);

#endif
