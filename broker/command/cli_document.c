#include "broker/command/cli_document.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/text.h"

enum { CLI_PASSWORD_BYTES = 1024, CLI_JOBS_MOST = 256 };

static unsigned processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

void cli_document_init(struct cli_document *document)
{
    *document = (struct cli_document){.jobs = processors()};
}

static void forget_password(struct cli_document *document)
{
    if (document->password)
        explicit_bzero(document->password, strlen(document->password));
    free(document->password);
    document->password = NULL;
}

void cli_document_fini(struct cli_document *document)
{
    forget_password(document);
}

/* Reads up to the end of the first line. -EMSGSIZE if there is none within the limit. */
static int read_first_line(int fd, char line[CLI_PASSWORD_BYTES])
{
    size_t used = 0;
    while (used < CLI_PASSWORD_BYTES - 1) {
        ssize_t got = read(fd, line + used, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0 || line[used] == '\n') {
            if (used > 0 && line[used - 1] == '\r')
                used--;
            line[used] = '\0';
            return 0;
        }
        used++;
    }
    return -EMSGSIZE;
}

static int read_password(struct cli_document *document, const char *path)
{
    char line[CLI_PASSWORD_BYTES], shown[128], text[64];
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? -errno : read_first_line(fd, line);
    forget_password(document);
    if (r == 0)
        document->password = strdup(line);
    explicit_bzero(line, sizeof(line));
    if (r == 0)
        return document->password ? 0 : -ENOMEM;
    text_escape(shown, sizeof(shown), path, strlen(path));
    cli_message("password file %s: %s", shown,
                r == -EMSGSIZE ? "its first line is too long for a password" : cli_error_text(r, text, sizeof(text)));
    return -EIO;
}

static int bad_value(const char *command, const char *name, const char *argument, const char *expected)
{
    char shown[128];
    text_escape(shown, sizeof(shown), argument, strlen(argument));
    cli_usage_error(command, "--%s %s: expected %s", name, shown, expected);
    return -EINVAL;
}

static int parse_layout(struct cli_document *document, const char *command, const char *argument)
{
    double width, height;
    if (!cli_parse_pair(argument, 36, 14400, &width, &height))
        return bad_value(command, "layout", argument, "a size in points from 36x36 to 14400x14400, such as 450x600");
    document->layout_width_pt = (float)width;
    document->layout_height_pt = (float)height;
    return 0;
}

int cli_document_option(struct cli_document *document, const char *command, int option, const char *argument)
{
    double em;
    uint64_t jobs;
    switch (option) {
    case CLI_OPTION_PASSWORD_FILE:
        return read_password(document, argument);
    case CLI_OPTION_LAYOUT:
        return parse_layout(document, command, argument);
    case CLI_OPTION_EM:
        if (!cli_parse_decimal(argument, 1, 1000, &em))
            return bad_value(command, "em", argument, "points from 1 to 1000");
        document->layout_em_pt = (float)em;
        return 0;
    case CLI_OPTION_NO_FILES:
        document->no_files = true;
        return 0;
    case CLI_OPTION_JOBS:
    case 'j':
        if (!cli_parse_number(argument, 1, CLI_JOBS_MOST, &jobs))
            return bad_value(command, "jobs", argument, "a number from 1 to 256");
        document->jobs = (unsigned)jobs;
        return 0;
    default:
        return 1;
    }
}
