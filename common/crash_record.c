#include "common/crash_record.h"

#include <signal.h>
#include <stddef.h>

static bool crash_record_is_fatal_signal(int32_t number)
{
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGABRT:
    case SIGTRAP:
    case SIGSYS: /* sent by kill(2): the policy's own comes as CRASH_SYSCALL */
        return true;
    default:
        return false;
    }
}

static bool crash_record_kind_fits_signal(uint32_t kind, int32_t number)
{
    switch (kind) {
    case CRASH_SIGNAL:
        return crash_record_is_fatal_signal(number);
    case CRASH_SYSCALL:
        return number == SIGSYS;
    case CRASH_OUT_OF_MEMORY:
    case CRASH_STACK_SAMPLE:
        return number >= 0 && number < _NSIG;
    default: /* CRASH_NONE: nothing was recorded; anything else is no kind (the field is the peer's number) */
        return false;
    }
}

bool crash_record_validate(struct crash_record *record)
{
    if (record->magic != CRASH_RECORD_MAGIC || record->version != CRASH_RECORD_VERSION)
        return false;
    if (!crash_record_kind_fits_signal(record->kind, record->signal))
        return false;
    if (record->frame_count > CRASH_FRAMES || record->register_count > CRASH_REGISTERS)
        return false;
    if (record->code_count > CRASH_CODE_BYTES || record->stack_count > CRASH_STACK_BYTES)
        return false;
    record->note[CRASH_NOTE_BYTES - 1] = '\0';
    return true;
}

const char *crash_kind_name(enum crash_kind kind)
{
    switch (kind) {
    case CRASH_NONE:
        return "none";
    case CRASH_SIGNAL:
        return "signal";
    case CRASH_SYSCALL:
        return "syscall";
    case CRASH_OUT_OF_MEMORY:
        return "out of memory";
    case CRASH_STACK_SAMPLE:
        return "stack sample";
    }
    return "unknown";
}
