#include "tests/fuzz/inbound/fake_cell.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/cell_host.h"
#include "broker/crash/symbolise.h"
#include "common/crash_record.h"
#include "common/fd.h"

/* Neither a fuzz target nor cell_host_create() has an argument that could carry this. */
static struct {
    struct fake_renderer *renderers[FAKE_RENDERERS];
    size_t count;
    enum fake_birth next_birth;
} world;

struct cell_host {
    struct broker *broker;
    const struct cell_host_listener *listener;
    void *userdata;
    struct loop_source *event; // hello, or the end
    struct answer {
        struct cell_host *cell;
        struct loop_source *event; // NULL once it was given
        unsigned id;
        pid_t pid;
    } answers[FAKE_RENDERERS]; // to the orders for renderers, cell_host::answer_count
    size_t answer_count;
    bool is_ready, is_retired;
    unsigned renderers;
    struct counters counters;
};

void fake_cell_next_birth(enum fake_birth birth)
{
    world.next_birth = birth;
}

struct fake_renderer *fake_cell_youngest(void)
{
    return world.count > 0 ? world.renderers[world.count - 1] : NULL;
}

size_t fake_cell_births(void)
{
    return world.count;
}

bool fake_cell_all_reaped(void)
{
    for (size_t i = 0; i < world.count; i++) {
        siginfo_t info;
        if (world.renderers[i]->pid > 0 &&
            waitid(P_PID, (id_t)world.renderers[i]->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            return false;
    }
    return true;
}

void fake_cell_forget(void)
{
    for (size_t i = 0; i < world.count; i++) {
        struct fake_renderer *renderer = world.renderers[i];
        fd_close(&renderer->pidfd);
        fd_close(&renderer->channel);
        fd_close(&renderer->stdout_write);
        if (renderer->record != NULL)
            munmap(renderer->record, CRASH_RECORD_BYTES);
        free(renderer);
    }
    memset(&world, 0, sizeof(world));
}

static int on_hello(struct loop_source *source, void *userdata)
{
    struct cell_host *cell = userdata;
    Bulkhead__Hello hello = BULKHEAD__HELLO__INIT;

    (void)source;
    loop_source_remove(&cell->event);
    cell->is_ready = true;
    cell->listener->ready(cell, &hello, cell->userdata);
    return 0;
}

int cell_host_create(struct broker *broker, const char *renderer_path, const struct cell_host_listener *listener,
                     void *userdata, struct cell_host **ret_cell)
{
    struct cell_host *cell = calloc(1, sizeof(*cell));

    (void)renderer_path;
    if (cell == NULL)
        return -ENOMEM;
    cell->broker = broker;
    cell->listener = listener;
    cell->userdata = userdata;
    counters_init(&cell->counters);
    *ret_cell = cell;
    return loop_defer(broker_loop(broker), on_hello, cell, &cell->event);
}

void cell_host_destroy(struct cell_host *cell)
{
    if (cell == NULL)
        return;
    loop_source_remove(&cell->event);
    for (size_t i = 0; i < cell->answer_count; i++) {
        struct answer *answer = &cell->answers[i];
        if (answer->event != NULL && answer->pid > 0) { /* the broker never heard of it: the cell's to end */
            kill(answer->pid, SIGKILL);
            waitpid(answer->pid, NULL, 0);
        }
        loop_source_remove(&answer->event);
    }
    counters_fini(&cell->counters);
    free(cell);
}

bool cell_host_is_ready(const struct cell_host *cell)
{
    return cell->is_ready;
}

/* Shares this process's memory and so must not touch it: no library call, no errno. Signals that the sanitizer or the
 * fuzzer handles here are to end it there. */
__attribute__((no_sanitize("address", "undefined"), noinline)) static long bare_syscall(long number, long a, long b,
                                                                                        long c, long d)
{
#if defined(__x86_64__)
    long result;
    register long r10 __asm__("r10") = d;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#endif
}

__attribute__((no_sanitize("address", "undefined"))) static int wait_for_the_end(void *argument)
{
    /* struct sigaction as the kernel has it, all zero: the default. */
    long defaults[4] = {0, 0, 0, 0};

    unsigned long nothing = 0;

    for (long number = 1; number <= SIGSYS; number++)
        bare_syscall(SYS_rt_sigaction, number, (long)defaults, 0, 8);
    bare_syscall(SYS_rt_sigprocmask, SIG_SETMASK, (long)&nothing, 0, 8);
    if (argument != NULL)
        return 3;
    for (;;)
        bare_syscall(SYS_ppoll, 0, 0, 0, 0);
}

/* No signal before it has given up our handlers. */
static pid_t start_process(struct fake_renderer *renderer, bool exits)
{
    sigset_t all, before;
    int pidfd = -1;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    int pid = clone(wait_for_the_end, renderer->stack + sizeof(renderer->stack), CLONE_VM | CLONE_PIDFD | SIGCHLD,
                    exits ? renderer : NULL, &pidfd);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    renderer->pidfd = pidfd;
    if (pid > 0 && exits) { /* by the time that anybody hears of it */
        siginfo_t info;
        waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOWAIT);
    }
    return pid < 0 ? -error : pid;
}

static struct fake_renderer *adopt_fds(unsigned id, struct cell_host_fork_fds *fds)
{
    struct fake_renderer *renderer = world.count < FAKE_RENDERERS ? calloc(1, sizeof(*renderer)) : NULL;

    if (renderer != NULL) {
        renderer->id = id;
        renderer->pidfd = -1;
        renderer->channel = fd_steal(&fds->channel);
        renderer->stdout_write = fd_steal(&fds->stdout_write);
        void *record = mmap(NULL, CRASH_RECORD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fds->crash_record, 0);
        renderer->record = record == MAP_FAILED ? NULL : record;
        world.renderers[world.count++] = renderer;
    }
    fd_close(&fds->channel);
    fd_close(&fds->crash_record);
    fd_close(&fds->stdout_write);
    fd_close(&fds->stderr_write);
    return renderer;
}

static int on_forked(struct loop_source *source, void *userdata)
{
    struct answer *answer = userdata;

    (void)source;
    loop_source_remove(&answer->event);
    answer->cell->listener->forked(answer->cell, answer->id, answer->pid > 0 ? answer->pid : 0,
                                   answer->pid > 0 ? 0 : -answer->pid, answer->cell->userdata);
    return 0;
}

int cell_host_fork(struct cell_host *cell, unsigned renderer_id, uint64_t memory_limit_bytes,
                   struct cell_host_fork_fds *fds)
{
    enum fake_birth birth = world.next_birth;
    struct fake_renderer *renderer = adopt_fds(renderer_id, fds);

    (void)memory_limit_bytes;
    world.next_birth = FAKE_BIRTH_LIVES;
    if (renderer == NULL || cell->answer_count == FAKE_RENDERERS)
        return -EAGAIN;
    struct answer *answer = &cell->answers[cell->answer_count++];
    cell->renderers++;
    *answer = (struct answer){.cell = cell, .id = renderer_id, .pid = -EAGAIN};
    if (birth != FAKE_BIRTH_FAILS)
        answer->pid = renderer->pid = start_process(renderer, birth == FAKE_BIRTH_EXITS);
    return loop_defer(broker_loop(cell->broker), on_forked, answer, &answer->event);
}

static int on_over(struct loop_source *source, void *userdata)
{
    struct cell_host *cell = userdata;

    (void)source;
    loop_source_remove(&cell->event);
    cell->listener->ended(cell, NULL, cell->userdata);
    return 0;
}

static void check_empty(struct cell_host *cell)
{
    if (cell->is_retired && cell->renderers == 0 && cell->event == NULL)
        loop_defer(broker_loop(cell->broker), on_over, cell, &cell->event);
}

void cell_host_release(struct cell_host *cell)
{
    if (cell->renderers == 0)
        abort(); /* released more often than forked */
    cell->renderers--;
    check_empty(cell);
}

void cell_host_retire(struct cell_host *cell)
{
    cell->is_retired = true;
    check_empty(cell);
}

bool cell_host_is_retired(const struct cell_host *cell)
{
    return cell->is_retired;
}

const struct symbolise_module *cell_host_modules(const struct cell_host *cell, size_t *ret_count)
{
    (void)cell;
    *ret_count = 0;
    return NULL;
}

struct counters *cell_host_counters(struct cell_host *cell)
{
    return &cell->counters;
}

void cell_host_check_exit(struct cell_host *cell)
{
    (void)cell;
}

char *cell_host_find_renderer(const char *given)
{
    (void)given;
    return strdup("none");
}
