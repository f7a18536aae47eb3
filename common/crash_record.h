/* crash_record.h - what a dying renderer manages to say: a fixed-size record in shared memory.
 *
 * The broker makes one sealed memfd per renderer (CRASH_RECORD_BYTES); the renderer's signal handler fills it with
 * plain stores. Everything in it is the renderer's own word: the broker copies it once, checks it
 * (crash_record_validate) and marks it as a claim. Fixed-width fields only; same machine, same ABI on both sides.
 */
#ifndef BULKHEAD_CRASH_RECORD_H
#define BULKHEAD_CRASH_RECORD_H

#include <stdbool.h>
#include <stdint.h>

enum {
    CRASH_RECORD_VERSION = 1,
    CRASH_FRAMES = 64,
    CRASH_REGISTERS = 34, /* x86_64: 17 in use (rax…r15, rip); aarch64: x0…x30, sp, pc, pstate */
    CRASH_STACK_BYTES = 32 * 1024,
    CRASH_NOTE_BYTES = 128,
    CRASH_CODE_BYTES = 32,
};
#define CRASH_RECORD_MAGIC 0x62756c6b68656164ull /* "bulkhead" */

enum crash_kind {
    CRASH_NONE = 0,
    CRASH_SIGNAL,        /* SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, or a SIGSYS not of the policy */
    CRASH_SYSCALL,       /* SIGSYS from the policy: syscall_number and syscall_arguments hold */
    CRASH_OUT_OF_MEMORY, /* an allocation failed for good; the renderer gave up */
    CRASH_STACK_SAMPLE,  /* not an end: the watchdog asked where the engine is */
};

struct crash_record {
    uint64_t magic; /* written last */
    uint32_t version;
    uint32_t kind;        /* enum crash_kind */
    int32_t signal, code; /* si_signo, si_code */
    uint64_t fault_address;
    int32_t syscall_number;
    uint32_t syscall_arch; /* AUDIT_ARCH_* */
    uint64_t syscall_arguments[6];
    int32_t thread_id;
    uint32_t frame_count; /* of `frames`: the bounded frame walk, innermost first, absolute addresses */
    uint64_t frames[CRASH_FRAMES];
    uint64_t instruction_pointer, stack_pointer, frame_pointer;
    uint32_t register_count;
    uint64_t registers[CRASH_REGISTERS]; /* DWARF numbering of the machine */
    uint32_t code_count;
    uint8_t code_bytes[CRASH_CODE_BYTES]; /* from the instruction pointer on */
    uint64_t requested_bytes;             /* CRASH_OUT_OF_MEMORY: what could not be had */
    char note[CRASH_NOTE_BYTES];          /* the engine's last step, NUL-padded */
    uint64_t stack_start;                 /* address of stack[0]: the stack pointer at the fault */
    uint32_t stack_count;
    uint8_t stack[CRASH_STACK_BYTES];
};

enum { CRASH_RECORD_BYTES = (sizeof(struct crash_record) + 4095) / 4096 * 4096 };

/* Whether the copy is complete and every count, kind and signal is in range; ends note with NUL. Call on a private
 * copy. */
bool crash_record_validate(struct crash_record *record);

const char *crash_kind_name(enum crash_kind kind);

#endif
