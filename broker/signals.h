/* signals.h - the broker's signals, as events of its loop: no handler code anywhere in the broker.
 *
 * SIGCHLD (a child ended), SIGTERM and SIGINT (end gracefully, twice: at once), SIGHUP (read the policy file again),
 * SIGUSR2 (print the counters) are blocked and read from a signalfd. SIGPIPE is ignored: writers see EPIPE.
 */
#ifndef BULKHEAD_SIGNALS_H
#define BULKHEAD_SIGNALS_H

#include <stdbool.h>

#include "common/loop.h"

struct signals;

typedef void (*signals_fn)(int signal, void *userdata);

/* Without `with_users`, only SIGCHLD is taken. 0 or -errno. */
int signals_create(struct loop *loop, bool with_users, signals_fn fn, void *userdata, struct signals **ret_signals);
/* Restores the mask; signals not read yet are lost. Takes NULL. */
void signals_destroy(struct signals *signals);

#endif
