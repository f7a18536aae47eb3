/* main.c - which command. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "broker/command/cli.h"
#include "broker/command/cmd.h"
#include "broker/command/cmd_help.h"
#include "broker/command/exit_codes.h"
#include "common/fd.h"
#include "common/text.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"render", cmd_render}, {"info", cmd_info},       {"open", cmd_open},       {"cast", cmd_cast},
    {"attack", cmd_attack}, {"sandbox", cmd_sandbox}, {"crashes", cmd_crashes}, {"help", cmd_help},
    {"--help", cmd_help},   {"-h", cmd_help},         {"version", cmd_version}, {"--version", cmd_version},
    {"-V", cmd_version},
};

int cmd_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("bulkhead %s\n", BULKHEAD_VERSION);
    return cli_finish_stdout(EXIT_CODE_OK);
}

/* Whatever is opened later must not become standard input, output or error. What was closed cannot be written to, so
 * that output to a closed stdout is an error and not lost. */
static bool open_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", O_RDONLY) != fd)
            return false;
    return true;
}

int main(int argc, char **argv)
{
    if (!open_standard_fds())
        return EXIT_CODE_INTERNAL;
    setlocale(LC_CTYPE, "");
    /* A closed pipe and a file-size limit are errors of the write, not the end of the broker. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    fd_raise_limit();
    if (argc < 2) {
        help_print_overview(stderr);
        return EXIT_CODE_USAGE;
    }
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    char shown[64];
    text_escape(shown, sizeof(shown), argv[1], strlen(argv[1]));
    return cli_usage_error("", "there is no command \"%s\"", shown);
}
