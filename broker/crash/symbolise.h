/* symbolise.h - from addresses in a crash record to a backtrace people can read, outside the cell and outside the loop.
 *
 * Debug data of a 40 MB executable takes milliseconds to load and the record is hostile input, so the work is
 * done in a throw-away child (errand.h) that finds record and modules in a memfd on its standard input, uses elfutils'
 * libdw on files of this host, and writes text back through a pipe. It unwinds by call frame information over the
 * record's stack copy and falls back to the record's own frame walk.
 */
#ifndef BULKHEAD_SYMBOLISE_H
#define BULKHEAD_SYMBOLISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/crash_record.h"
#include "common/loop.h"

enum { SYMBOLISE_BUILD_ID_BYTES = 32 }; /* a linker makes 20 */

/* One file mapped into the renderers. */
struct symbolise_module {
    char path[256];
    uint64_t base, start, end; /* base = load bias */
    uint8_t build_id[SYMBOLISE_BUILD_ID_BYTES];
    uint32_t build_id_bytes; /* 0 = it has none */
};

struct symbolise_job;

/* text: one frame a line, "#0 0x7f… scene_plasma_paint+0x1c (renderer/engine/scene_plasma.c:41) [bulkhead-renderer]",
 * escaped; inlined functions as "#0 0x7f… blend (renderer/engine/scene_canvas.h:12) [bulkhead-renderer, inlined]"
 * before the function they are in; or one line "no backtrace: …" that says why there is none. Called once, from the
 * loop; the job is freed after it. */
typedef void (*symbolise_fn)(struct symbolise_job *job, const char *text, void *userdata);

/* Starts the child; gives it 5 s. Copies record and modules (at most LIMIT_MODULES). The caller's fds 0, 1 and 2 must
 * be open. 0 or -errno. */
int symbolise_start(struct loop *loop, const struct crash_record *record, const struct symbolise_module *modules,
                    size_t module_count, symbolise_fn fn, void *userdata, struct symbolise_job **ret_job);
/* Kills the child and frees the job without calling back. Takes NULL. */
void symbolise_cancel(struct symbolise_job *job);

/* The child's main: reads stdin, writes stdout, returns the exit code. */
int symbolise_child_main(void);

/* Signal, code and register names for reports: "SIGSEGV", "address not mapped". The name of a number without one is in
 * a static buffer. */
const char *crash_signal_name(int signal);
const char *crash_code_text(int signal, int code);
/* Whether fault_address is one: a signal that was sent (abort, kill) has the sender's ids in its place. */
bool crash_has_address(const struct crash_record *record);
/* Name of a system call ("openat", "i386 getpid" where it is not this machine's own way in), or "syscall 123", in a
 * static buffer. By libseccomp. */
const char *crash_syscall_name(uint32_t arch, int number);
/* Whether a row of the policy could list it: a call of this machine, with a name. */
bool crash_syscall_has_row(uint32_t arch, int number);

/* Name of a record's register: "rip" and so on, in the DWARF numbering of this machine. */
void crash_register_name(uint32_t index, char *out, size_t out_bytes);

#endif
