#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/crash/symbolise_private.h"
#include "common/fd.h"

enum {
    EXIT_NO_INPUT = 3,
    EXIT_NO_LIBDW = 4,
    EXIT_NOT_LOWERED = 5,
};

static bool read_input(struct symbolise_input *input)
{
    size_t used = 0;

    while (used < sizeof *input) {
        ssize_t n = read(STDIN_FILENO, (char *)input + used, sizeof *input - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        used += (size_t)n;
    }
    return input->module_count <= LIMIT_MODULES && crash_record_validate(&input->record);
}

// A regular file only: a FIFO or a device by that name must not be waited for.
static int open_module(const struct symbolise_module *module)
{
    _fd_cleanup_ int fd = open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
        return -1;
    return fd_steal(&fd);
}

static void report_modules(Dwfl *dwfl, struct symbolise_input *input)
{
    dwfl_report_begin(dwfl);
    for (uint32_t i = 0; i < input->module_count; i++) {
        struct symbolise_module *module = &input->modules[i];
        module->path[sizeof module->path - 1] = '\0';
        if (module->path[0] != '/' || module->start >= module->end || module->base > module->start)
            continue;
        _fd_cleanup_ int fd = open_module(module);
        const char *name = strrchr(module->path, '/') + 1;
        // add_p_vaddr: the base is the load bias, to be added to the addresses in the program headers.
        if (fd >= 0 && dwfl_report_elf(dwfl, name, module->path, fd, module->base, true) != NULL)
            fd_steal(&fd); // libdwfl's now
    }
    dwfl_report_end(dwfl, NULL, NULL);
}

static void print_backtrace(Dwfl *dwfl, const struct crash_record *record)
{
    struct symbolise_frame frames[CRASH_FRAMES];
    size_t count = symbolise_unwind(dwfl, record, frames);

    for (size_t i = 0; i < count; i++)
        symbolise_lines_print(stdout, dwfl, i, &frames[i]);
    if (count == 0)
        printf("no backtrace: the record holds neither registers nor frames\n");
}

int symbolise_child_main(void)
{
    static const Dwfl_Callbacks callbacks = {
        .find_elf = dwfl_build_id_find_elf,
        .find_debuginfo = dwfl_standard_find_debuginfo,
        .section_address = dwfl_offline_section_address,
        .debuginfo_path = NULL, // the usual places: beside the file, .debug/, /usr/lib/debug
    };

    if (symbolise_lower() < 0)
        return EXIT_NOT_LOWERED;
    struct symbolise_input *input = calloc(1, sizeof *input);
    if (input == NULL || !read_input(input)) {
        free(input);
        return EXIT_NO_INPUT;
    }
    Dwfl *dwfl = dwfl_begin(&callbacks);
    if (dwfl == NULL) {
        free(input);
        return EXIT_NO_LIBDW;
    }
    report_modules(dwfl, input);
    print_backtrace(dwfl, &input->record);
    int r = fflush(stdout) == 0 ? 0 : 1;
    dwfl_end(dwfl);
    free(input);
    return r;
}
