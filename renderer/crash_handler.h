/* crash_handler.h - what a renderer says while it dies. Async-signal-safe throughout: no locks, no malloc, no stdio.
 *
 * The record (common/crash_record.h) is mapped before the cell closes; the handlers run on an alternate stack that
 * every thread must have. A handler fills the record, sends one pre-packed Crashing message as an early hint, restores
 * the default disposition and returns into the fault, so that the kernel reports the true signal.
 */
#ifndef BULKHEAD_CRASH_HANDLER_H
#define BULKHEAD_CRASH_HANDLER_H

#include <signal.h>
#include <stdint.h>

struct crash_record;

/* What every renderer needs and a fork inherits: where code lies, and the hint's bytes. For the zygote, so that no
 * renderer does it again; without it crash_handler_install() does. */
void crash_handler_prepare(void);

/* Maps the record (takes record_fd) and installs the handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP,
 * SIGSYS and, for stack samples, SIGUSR2. hint_fd: the channel's socket, borrowed; -1 for no hint. 0 or -errno. */
int crash_handler_install(int record_fd, int hint_fd);

/* Fills the record and sends the hint for a signal that somebody else handles, and returns. */
void crash_handler_report(const siginfo_t *info, const void *context);

/* The handlers leave this signal unblocked while they run. 0 or -errno. */
int crash_handler_let_pass(int number);

/* Gives the calling thread its alternate stack, unless it has (or, being the first of a fork, inherited) one; unblocks
 * the fatal signals. SIGUSR2 is left unblocked only when takes_samples: the kernel then delivers the broker's request
 * for a stack to that thread. 0 or -errno. */
int crash_handler_thread_init(int takes_samples);

/* The record, where anything in this process could write; NULL before crash_handler_install(). For the attack suite. */
struct crash_record *crash_handler_record(void);

/* The step the engine is at; a string literal (the pointer is kept). */
void crash_handler_step(const char *literal);

/* Records CRASH_OUT_OF_MEMORY with the stack of the caller and ends with RENDERER_EXIT_OUT_OF_MEMORY (86). */
void crash_handler_out_of_memory(uint64_t requested_bytes) __attribute__((noreturn));

#endif
