/* signal_handler.c - a handler with the sender's facts, that does nothing but what is safe at any moment. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "demo/lab/entry.h"
#include "demo/lab/stream.h"

/* What the handler found; written with stores and read after the signal was taken. A handler has no argument of its
 * own, so this is one of the few places for a static. */
static struct {
    volatile sig_atomic_t number, code, sender;
    volatile sig_atomic_t errno_inside;
    int pipe_out;
} seen;

/* Only stores, and write(), which signal-safety(7) lists. errno is put back: the code that was interrupted may be about
 * to look at it. */
static void note_signal(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    char byte = (char)number;

    (void)context;
    seen.number = number;
    seen.code = info->si_code;
    seen.sender = info->si_pid;
    (void)!write(-1, &byte, 1); /* fails, and would leave EBADF behind */
    seen.errno_inside = errno;
    (void)!write(seen.pipe_out, &byte, 1);
    errno = saved;
}

static int send_to_parent(void *userdata)
{
    return kill(*(pid_t *)userdata, SIGUSR1) == 0 ? 0 : 1;
}

static void show_facts(struct lab_stage *stage, int pipe_in)
{
    pid_t self = getpid();
    char byte = 0;
    pid_t sender = lab_fork(stage, send_to_parent, &self);

    int status = lab_wait_child(sender, 5000);
    int rc = lab_stream_read(pipe_in, &byte, 1);
    lab_claim(stage, status == 0 && rc == 0 && byte == SIGUSR1, "the handler wrote the number into a pipe: %d", byte);
    lab_claim(stage, seen.sender == sender && seen.code == SI_USER, "SA_SIGINFO says who sent it: pid %d, by kill()",
              (int)seen.sender);
}

static void show_errno(struct lab_stage *stage, int pipe_in)
{
    char byte;

    errno = ENOENT;
    raise(SIGUSR1);
    int after = errno;
    lab_stream_read(pipe_in, &byte, 1);
    lab_claim(stage, seen.errno_inside == EBADF && after == ENOENT,
              "a call failed inside the handler (EBADF), the code around it still sees its own ENOENT");
}

/* A handler that calls malloc() while the interrupted code is inside malloc() waits for itself. The allocator locks
 * only when there is a second thread, and small sizes come from a cache without a lock: hence the thread and the sizes.
 */
static void *__attribute__((noreturn)) sleep_for_ever(void *userdata)
{
    (void)userdata;
    for (;;)
        pause();
}

static void allocate_in_handler(int number)
{
    void *volatile memory = malloc(100 * 1000); /* volatile, or the compiler leaves out both calls */

    (void)number;
    free(memory);
}

static int allocate_until_stuck(void *userdata)
{
    struct sigaction action = {.sa_handler = allocate_in_handler};
    volatile long *turns = userdata;
    pid_t self = getpid();
    pthread_t second;

    if (pthread_create(&second, NULL, sleep_for_ever, NULL) != 0)
        return 1;
    sigaction(SIGUSR2, &action, NULL);
    if (fork() == 0) {
        for (int i = 0; i < 200000 && kill(self, SIGUSR2) == 0; i++)
            continue;
        _exit(0);
    }
    for (; *turns < 20000000; (*turns)++) {
        void *volatile memory = malloc((size_t)(*turns % 2000 + 2000));
        free(memory);
    }
    return 0;
}

static void show_malloc(struct lab_stage *stage)
{
    volatile long *turns = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (turns == MAP_FAILED)
        return;
    lab_pitfall(stage,
                "malloc() in a handler: if the signal came inside malloc(), it waits for a lock it holds itself.");
    int status = lab_wait_child(lab_fork(stage, allocate_until_stuck, (void *)(uintptr_t)turns), 3000);
    if (status == -ETIMEDOUT || status > 128)
        lab_say(stage, "A process doing that %s after %ld allocations.",
                status == -ETIMEDOUT ? "stood still" : "was ended by the allocator's own checks", *turns);
    else
        lab_say(stage,
                "This time it got away with it (%ld allocations): it is a race, and it waits for the worst moment.",
                *turns);
    munmap((void *)(uintptr_t)turns, 4096);
}

static void show(struct lab_stage *stage)
{
    struct sigaction action = {.sa_sigaction = note_signal, .sa_flags = SA_SIGINFO | SA_RESTART}, before;
    int fds[2];

    lab_say(stage, "sigaction() with SA_SIGINFO: the handler gets the number, the reason and the sender.");
    if (pipe(fds) < 0) {
        lab_claim(stage, false, "pipe: %s", strerror(errno));
        return;
    }
    seen.pipe_out = fds[1];
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, &before);
    show_facts(stage, fds[0]);
    show_errno(stage, fds[0]);
    sigaction(SIGUSR1, &before, NULL);
    fd_close_many(fds, 2);
    show_malloc(stage);
}

LAB_ENTRY(entry, .name = "signal-handler", .family = "signals", .summary = "a handler that learns who sent the signal",
          .pitfall = "a handler may call only what is async-signal-safe", .show = show);
