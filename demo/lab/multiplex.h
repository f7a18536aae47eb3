/* multiplex.h - what it costs to learn which of N descriptors is ready, one of them being so: select, poll, epoll.
 *
 * N eventfds in a process of their own, RLIMIT_NOFILE raised there as far as is allowed. A different one is made ready
 * each time; measured is the call and the search for the descriptor in what it returned.
 */
#ifndef BULKHEAD_LAB_MULTIPLEX_H
#define BULKHEAD_LAB_MULTIPLEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum multiplex_call { MULTIPLEX_SELECT, MULTIPLEX_POLL, MULTIPLEX_EPOLL, MULTIPLEX_CALLS };

enum { MULTIPLEX_LEAST = 1, MULTIPLEX_MOST = 1000 * 1000, MULTIPLEX_ROWS_MAX = 32 };

struct multiplex_cell {
    int error; /* 0; -ERANGE: beyond FD_SETSIZE; -EMFILE: beyond what RLIMIT_NOFILE allows; -errno */
    double median_us;
    unsigned rounds;
};

struct multiplex_row {
    unsigned descriptors;
    struct multiplex_cell cells[MULTIPLEX_CALLS];
};

const char *multiplex_call_name(enum multiplex_call call);

/* How many such descriptors a process may have here. */
unsigned multiplex_allowed(void);

/* Takes about budget_ms for each call. 0 with all cells filled, or -errno: no process or memory. */
int multiplex_measure(unsigned descriptors, unsigned budget_ms, struct multiplex_row *ret_row);

/* multiplex_table.c */
void multiplex_print(FILE *out, const struct multiplex_row *rows, size_t count);
void multiplex_print_json(FILE *out, const struct multiplex_row *rows, size_t count);
/* multiplex_plot.c: a line for each call as SVG, drawn by cairo; both scales logarithmic. 0 or -errno. */
int multiplex_plot(const char *path, const struct multiplex_row *rows, size_t count);

#endif
