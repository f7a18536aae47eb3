/* fake_errand.c - throw-away children are not what is fuzzed: every errand comes back at once, failed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "broker/crash/errand.h"

struct errand {
    errand_fn fn;
    void *userdata;
    struct loop_source *event;
};

static int on_back(struct loop_source *source, void *userdata)
{
    static const struct errand_result failed = {.text = "", .wait_code = CLD_EXITED, .wait_status = 1};
    struct errand *errand = userdata;

    (void)source;
    loop_source_remove(&errand->event);
    errand->fn(errand, &failed, errand->userdata);
    free(errand);
    return 0;
}

int errand_start(struct loop *loop, enum errand_kind kind, int input_fd, uint32_t deadline_ms, size_t most_bytes,
                 errand_fn fn, void *userdata, struct errand **ret_errand)
{
    struct errand *errand = calloc(1, sizeof(*errand));

    (void)kind;
    (void)input_fd;
    (void)deadline_ms;
    (void)most_bytes;
    if (errand == NULL)
        return -ENOMEM;
    errand->fn = fn;
    errand->userdata = userdata;
    *ret_errand = errand;
    return loop_defer(loop, on_back, errand, &errand->event);
}

void errand_cancel(struct errand *errand)
{
    if (errand == NULL)
        return;
    loop_source_remove(&errand->event);
    free(errand);
}

bool errand_succeeded(const struct errand_result *result)
{
    (void)result;
    return false;
}

const char *errand_argument(enum errand_kind kind)
{
    (void)kind;
    return "";
}
