/* fake_cell.h - a cell without a zygote, inside the fuzzer's own process: what fuzz_inbound.c links instead of
 * broker/cell_host.c.
 *
 * A renderer is a child of this process that only waits to be killed; its end of the channel, its crash record and its
 * log pipes stay here, where the fuzzer writes to them in its name. The list of renderers lives from the first
 * cell_host_create() to fake_cell_forget().
 */
#ifndef BULKHEAD_FUZZ_FAKE_CELL_H
#define BULKHEAD_FUZZ_FAKE_CELL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { FAKE_RENDERERS = 16, FAKE_STACK_BYTES = 16 * 1024 };

struct fake_renderer {
    unsigned id;
    pid_t pid;
    int pidfd;        // owned; by which it is signalled: its pid may be another's once it was reaped
    int channel;      // the renderer's end; -1 when the fuzzer has closed it
    int stdout_write; // into the broker's log; -1 when closed
    void *record;     // the crash record, writable
    unsigned char stack[FAKE_STACK_BYTES] __attribute__((aligned(64)));
};

/* What the next fork is to end in. */
enum fake_birth { FAKE_BIRTH_LIVES, FAKE_BIRTH_FAILS, FAKE_BIRTH_EXITS };
void fake_cell_next_birth(enum fake_birth birth);

/* The youngest renderer, or NULL. */
struct fake_renderer *fake_cell_youngest(void);
size_t fake_cell_births(void);
/* Whether no renderer's process is left, running or as a zombie. */
bool fake_cell_all_reaped(void);
/* Closes what the fuzzer held of all renderers. Their processes must be reaped by now. */
void fake_cell_forget(void);

#endif
