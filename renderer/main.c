/* main.c - bulkhead-renderer: started by the broker, never by hand.
 *
 *     bulkhead-renderer --zygote [--audit] [--without=LAYERS] [--memory=BYTES]
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "renderer/zygote.h"

enum { EXIT_USAGE = 64 };

#ifdef BULKHEAD_SANITIZED
/* The sanitizer asks the program, for its environment is empty. Fatal signals and alternate stacks are the crash
 * handler's; looking for leaks takes ptrace, which the cell forbids. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:handle_segv=0:handle_abort=0:handle_sigill=0:handle_sigfpe=0:handle_sigbus=0:"
           "use_sigaltstack=0:allocator_may_return_null=1";
}
#endif

static int parse_number(const char *text, uint64_t max, uint64_t *ret_number)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    if (errno != 0 || end == text || *end != '\0' || number > max || text[0] == '-')
        return -EINVAL;
    *ret_number = number;
    return 0;
}

/* 0, or -EINVAL. */
static int parse(int argc, char **argv, struct cell_config *config, bool *ret_zygote)
{
    static const char without[] = "--without=", memory[] = "--memory=";
    uint64_t number;

    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        if (strcmp(argument, "--zygote") == 0)
            *ret_zygote = true;
        else if (strcmp(argument, "--audit") == 0)
            config->audit = true;
        else if (strncmp(argument, without, sizeof(without) - 1) == 0 &&
                 parse_number(argument + sizeof(without) - 1, UINT32_MAX, &number) == 0)
            config->without = (uint32_t)number;
        else if (strncmp(argument, memory, sizeof(memory) - 1) == 0 &&
                 parse_number(argument + sizeof(memory) - 1, UINT64_MAX, &number) == 0)
            config->memory_limit_bytes = number;
        else
            return -EINVAL;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct cell_config config = {0};
    bool zygote = false;

    if (parse(argc, argv, &config, &zygote) < 0 || !zygote) {
        fprintf(stderr, "bulkhead-renderer %s is started by bulkhead(1); it does nothing by itself\n",
                BULKHEAD_VERSION);
        return EXIT_USAGE;
    }
    /* No exit handlers: there is nothing to flush, and a leak checker would try to trace us, which the cell forbids. */
    _exit(zygote_run(&config));
}
