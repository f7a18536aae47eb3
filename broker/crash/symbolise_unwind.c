#include <string.h>

#include "broker/crash/symbolise_private.h"

#if defined(__x86_64__)
enum { REGISTER_SP = 7, REGISTER_PC = 16, REGISTERS_NEEDED = 17 };
#elif defined(__aarch64__)
enum { REGISTER_SP = 31, REGISTER_PC = 32, REGISTERS_NEEDED = 33 };
#else
enum { REGISTER_SP = 0, REGISTER_PC = 0, REGISTERS_NEEDED = CRASH_REGISTERS + 1 }; // never enough: frame walk only
#endif

struct unwind {
    const struct crash_record *record;
    Dwarf_Word registers[CRASH_REGISTERS];
    bool starts_in_caller;
    struct symbolise_frame *frames; // [CRASH_FRAMES]
    size_t count;
};

static bool read_stack(const struct crash_record *record, uint64_t address, uint64_t *ret_word)
{
    // start + count may wrap around in a made-up record; differences do not.
    if (address < record->stack_start || record->stack_count < sizeof *ret_word ||
        address - record->stack_start > record->stack_count - sizeof *ret_word)
        return false;
    memcpy(ret_word, record->stack + (address - record->stack_start), sizeof *ret_word);
    return true;
}

static pid_t on_next_thread(Dwfl *dwfl, void *userdata, void **thread_argument)
{
    (void)dwfl;
    if (*thread_argument != NULL)
        return 0;
    *thread_argument = userdata;
    return 1;
}

static bool on_get_thread(Dwfl *dwfl, pid_t tid, void *userdata, void **thread_argument)
{
    (void)dwfl;
    *thread_argument = userdata;
    return tid == 1;
}

static bool on_memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *userdata)
{
    struct unwind *unwind = userdata;
    uint64_t word;

    (void)dwfl;
    if (!read_stack(unwind->record, address, &word))
        return false;
    *ret_word = word;
    return true;
}

static bool on_set_initial_registers(Dwfl_Thread *thread, void *userdata)
{
    struct unwind *unwind = userdata;

#if defined(__aarch64__)
    dwfl_thread_state_register_pc(thread, unwind->registers[REGISTER_PC]);
    return dwfl_thread_state_registers(thread, 0, REGISTER_PC, unwind->registers);
#else
    return dwfl_thread_state_registers(thread, 0, REGISTERS_NEEDED, unwind->registers);
#endif
}

static void add_frame(struct unwind *unwind, uint64_t address, bool is_caller)
{
    if (unwind->count < CRASH_FRAMES)
        unwind->frames[unwind->count++] = (struct symbolise_frame){address, is_caller};
}

static int on_frame(Dwfl_Frame *state, void *userdata)
{
    struct unwind *unwind = userdata;
    bool is_activation;
    Dwarf_Addr pc;

    if (!dwfl_frame_pc(state, &pc, &is_activation) || pc == 0)
        return DWARF_CB_ABORT;
    if (unwind->starts_in_caller) {
        // The initial registers hold the return address less one, see step_out_of_nowhere().
        unwind->starts_in_caller = false;
        add_frame(unwind, pc + 1, true);
    } else {
        add_frame(unwind, pc, !is_activation);
    }
    return unwind->count < CRASH_FRAMES ? DWARF_CB_OK : DWARF_CB_ABORT;
}

// A call through a wild pointer: no module knows the program counter, but the call has just pushed where it came from.
static void step_out_of_nowhere(struct unwind *unwind, Dwfl *dwfl)
{
#if defined(__x86_64__)
    uint64_t *pc = &unwind->registers[REGISTER_PC], *sp = &unwind->registers[REGISTER_SP], word;

    if (dwfl_addrmodule(dwfl, *pc) != NULL || !read_stack(unwind->record, *sp, &word) ||
        dwfl_addrmodule(dwfl, word - 1) == NULL)
        return;
    add_frame(unwind, *pc, false);
    *pc = word - 1; // within the call, as libdwfl looks up the first frame's address as it is
    *sp += sizeof word;
    unwind->starts_in_caller = true;
#else
    (void)unwind, (void)dwfl;
#endif
}

static void unwind_by_call_frames(struct unwind *unwind, Dwfl *dwfl)
{
    static const Dwfl_Thread_Callbacks callbacks = {
        .next_thread = on_next_thread,
        .get_thread = on_get_thread,
        .memory_read = on_memory_read,
        .set_initial_registers = on_set_initial_registers,
    };

    if (unwind->record->register_count < REGISTERS_NEEDED)
        return;
    memcpy(unwind->registers, unwind->record->registers, sizeof unwind->registers);
    step_out_of_nowhere(unwind, dwfl);
    if (dwfl_attach_state(dwfl, NULL, 1, &callbacks, unwind))
        dwfl_getthread_frames(dwfl, 1, on_frame, unwind);
}

// The renderer followed its frame pointers over all of its stack, of which the record holds a copy of the near part
// only: where call frame information came to an end, its walk goes on behind the last address both have seen.
static void continue_with_frame_walk(struct unwind *unwind)
{
    const struct crash_record *record = unwind->record;
    uint32_t i = 0;

    if (unwind->count <= 1) {
        unwind->count = 0;
        if (record->instruction_pointer != 0 &&
            (record->frame_count == 0 || record->frames[0] != record->instruction_pointer))
            add_frame(unwind, record->instruction_pointer, false);
    } else {
        uint64_t last = unwind->frames[unwind->count - 1].address;
        while (i < record->frame_count && record->frames[i] != last)
            i++;
        i++;
    }
    for (; i < record->frame_count && record->frames[i] != 0; i++)
        add_frame(unwind, record->frames[i], unwind->count > 0);
}

size_t symbolise_unwind(Dwfl *dwfl, const struct crash_record *record, struct symbolise_frame ret_frames[CRASH_FRAMES])
{
    struct unwind unwind = {.record = record, .frames = ret_frames};

    unwind_by_call_frames(&unwind, dwfl);
    continue_with_frame_walk(&unwind);
    return unwind.count;
}
