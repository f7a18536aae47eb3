/* signal_mask.c - a critical section that no handler interrupts: block, see what waits, let it in. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "demo/lab/entry.h"

/* A handler has no argument of its own: these are its only way to the story. */
static volatile sig_atomic_t handled;
static volatile sig_atomic_t balance_seen; // by the handler
static volatile long accounts[2];          // always 100 together, except in the middle of a transfer

static void look_at_accounts(int number)
{
    (void)number;
    handled++;
    balance_seen = (sig_atomic_t)(accounts[0] + accounts[1]);
}

static void transfer(void)
{
    accounts[0] -= 30;
    raise(SIGUSR1); /* the worst moment */
    accounts[1] += 30;
}

static void show(struct lab_stage *stage)
{
    struct sigaction action = {.sa_handler = look_at_accounts}, before;
    sigset_t usr1, pending, old;

    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, &before);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    lab_say(stage, "Two accounts hold 100 together. A handler looks at them in the middle of a transfer.");
    accounts[0] = accounts[1] = 50;
    handled = 0;
    lab_pitfall(stage, "A handler runs between any two instructions.");
    transfer();
    lab_claim(stage, handled == 1 && balance_seen == 70, "unprotected, it saw %d", (int)balance_seen);
    sigprocmask(SIG_BLOCK, &usr1, &old);
    transfer();
    sigpending(&pending);
    lab_claim(stage, handled == 1 && sigismember(&pending, SIGUSR1) == 1,
              "with the signal blocked the handler did not run; sigpending() says that it waits");
    raise(SIGUSR1);
    raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, &old, NULL);
    lab_claim(stage, handled == 2 && balance_seen == 100,
              "unblocked, it ran and saw %d; sent three times meanwhile, it came once", (int)balance_seen);
    sigaction(SIGUSR1, &before, NULL);
}

LAB_ENTRY(entry, .name = "signal-mask", .family = "signals", .summary = "a critical section that no handler interrupts",
          .pitfall = "a handler runs between any two instructions", .show = show);
