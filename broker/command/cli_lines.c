#include "broker/command/cli_lines.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/text.h"

enum {
    CLI_LINES_INDENT = sizeof("bulkhead: ") - 1,
    /* Beyond it nothing of a help page begins that could have a column of its own. */
    CLI_LINES_VALUE_COLUMNS = 48,
    /* A line as long as this went on in the next one because it was full. */
    CLI_LINES_FULL_COLUMNS = 70,
    CLI_LINES_PARAGRAPH_BYTES = 2048,
};

size_t cli_lines_columns(FILE *out)
{
    struct winsize size;
    int fd = fileno(out);
    return fd >= 0 && isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

FILE *cli_lines_begin(struct cli_lines *lines, FILE *out)
{
    *lines = (struct cli_lines){.out = out};
    if (cli_lines_columns(out) > 0)
        lines->buffer = open_memstream(&lines->text, &lines->text_bytes);
    return lines->buffer ? lines->buffer : out;
}

void cli_lines_end(struct cli_lines *lines)
{
    if (!lines->buffer)
        return;
    char *rest = fclose(lines->buffer) == 0 ? lines->text : NULL, *line;
    while ((line = strsep(&rest, "\n")) != NULL && (rest || *line))
        text_print_wrapped(lines->out, line, 0, cli_lines_columns(lines->out), CLI_LINES_INDENT);
    free(lines->text);
}

/* Where the text of a line goes on: under the last of its columns, which two spaces or more set off. */
static size_t continuation_of(const char *line)
{
    size_t start = strspn(line, " "), column = start;
    for (size_t i = start + 2; line[i - 2] && line[i - 1] && line[i] && i < CLI_LINES_VALUE_COLUMNS; i++)
        if (line[i] != ' ' && line[i - 1] == ' ' && line[i - 2] == ' ')
            column = i;
    return column;
}

/* Whether the next line is the same paragraph's. */
static bool goes_on(const char *paragraph, size_t last_columns, const char *next)
{
    size_t column = continuation_of(paragraph), start = strspn(next, " ");
    if (*paragraph == '\0' || *next == '\0' || start != column)
        return false;
    return column > strspn(paragraph, " ") ||
           (continuation_of(next) == start && last_columns >= CLI_LINES_FULL_COLUMNS);
}

static void flush(FILE *out, char *paragraph, size_t columns)
{
    size_t start = strspn(paragraph, " "), column = continuation_of(paragraph);
    bool is_label = column == start && start > 0;
    text_print_wrapped(out, paragraph, 0, columns, is_label ? start + 2 : column);
}

void cli_lines_print_help(FILE *out, const char *text)
{
    char paragraph[CLI_LINES_PARAGRAPH_BYTES] = "";
    size_t columns = cli_lines_columns(out), used = 0, last_columns = 0;
    bool is_first = true;
    if (columns == 0) {
        fputs(text, out);
        return;
    }
    while (*text) {
        size_t length = strcspn(text, "\n");
        char line[512];
        snprintf(line, sizeof(line), "%.*s", (int)length, text);
        text += length + (text[length] == '\n');
        if (!is_first && goes_on(paragraph, last_columns, line) && used + length + 2 < sizeof(paragraph)) {
            used += (size_t)snprintf(paragraph + used, sizeof(paragraph) - used, " %s", line + strspn(line, " "));
        } else {
            if (!is_first)
                flush(out, paragraph, columns);
            used = (size_t)snprintf(paragraph, sizeof(paragraph), "%s", line);
        }
        last_columns = text_columns(line);
        is_first = false;
    }
    flush(out, paragraph, columns);
}
