#include "broker/crash/symbolise.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/crash/errand.h"
#include "broker/crash/symbolise_private.h"
#include "common/fd.h"
#include "common/text.h"

enum {
    DEADLINE_MS = 5000,
    TEXT_BYTES = 64 * 1024, // 64 frames with deep inlining fit many times over
    LINE_BYTES = 1024,
};

struct symbolise_job {
    struct errand *errand;
    symbolise_fn fn;
    void *userdata;
};

// The child works on hostile input, so its words are escaped here, line by line.
static size_t escape_lines(char *out, size_t out_bytes, const char *text, size_t text_bytes)
{
    size_t used = 0;

    while (text_bytes > 0 && used + LINE_BYTES + 1 < out_bytes) {
        const char *newline = memchr(text, '\n', text_bytes);
        size_t length = newline != NULL ? (size_t)(newline - text) : text_bytes;
        used += text_escape(out + used, LINE_BYTES, text, length);
        out[used++] = '\n';
        length += newline != NULL;
        text += length;
        text_bytes -= length;
    }
    out[used] = '\0';
    return used;
}

static void describe_failure(const struct errand_result *result, char *out, size_t out_bytes)
{
    if (result->is_late)
        snprintf(out, out_bytes, "no backtrace: symbolising took more than %d s\n", DEADLINE_MS / 1000);
    else if (result->wait_code != CLD_EXITED)
        snprintf(out, out_bytes, "no backtrace: the symboliser was ended by %s\n",
                 crash_signal_name(result->wait_status));
    else
        snprintf(out, out_bytes, "no backtrace: the symboliser failed with code %d\n", result->wait_status);
}

static void on_done(struct errand *errand, const struct errand_result *result, void *userdata)
{
    struct symbolise_job *job = userdata;
    size_t out_bytes = 2 * result->text_bytes + 8 * LINE_BYTES; // honest text hardly grows by escaping
    char *out = malloc(out_bytes);

    (void)errand;
    if (out != NULL) {
        size_t used = escape_lines(out, out_bytes - LINE_BYTES, result->text, result->text_bytes);
        if (!errand_succeeded(result) || used == 0)
            describe_failure(result, out + used, out_bytes - used);
    }
    job->fn(job, out != NULL ? out : "no backtrace: out of memory\n", job->userdata);
    free(out);
    free(job);
}

static int make_input(const struct crash_record *record, const struct symbolise_module *modules, size_t module_count,
                      int *ret_fd)
{
    struct symbolise_input *input = calloc(1, sizeof *input);
    _fd_cleanup_ int fd = memfd_create("bulkhead-crash", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : -ENOMEM;

    if (input != NULL && fd >= 0) {
        input->module_count = module_count < LIMIT_MODULES ? (uint32_t)module_count : LIMIT_MODULES;
        input->record = *record;
        if (input->module_count > 0)
            memcpy(input->modules, modules, input->module_count * sizeof *modules);
        r = fd_write_all(fd, input, sizeof *input);
        lseek(fd, 0, SEEK_SET);
    }
    free(input);
    if (r == 0)
        *ret_fd = fd_steal(&fd);
    return r;
}

int symbolise_start(struct loop *loop, const struct crash_record *record, const struct symbolise_module *modules,
                    size_t module_count, symbolise_fn fn, void *userdata, struct symbolise_job **ret_job)
{
    _fd_cleanup_ int input_fd = -1;
    struct symbolise_job *job = calloc(1, sizeof *job);

    if (job == NULL)
        return -ENOMEM;
    *job = (struct symbolise_job){.fn = fn, .userdata = userdata};
    int r = make_input(record, modules, module_count, &input_fd);
    r = r < 0 ? r : errand_start(loop, ERRAND_SYMBOLISE, input_fd, DEADLINE_MS, TEXT_BYTES, on_done, job, &job->errand);
    if (r < 0) {
        free(job);
        return r;
    }
    *ret_job = job;
    return 0;
}

void symbolise_cancel(struct symbolise_job *job)
{
    if (job == NULL)
        return;
    errand_cancel(job->errand);
    free(job);
}
