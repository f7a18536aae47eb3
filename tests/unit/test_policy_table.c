/* The table as data: consistent, listed as it is, told by the documents as it is, and the same on another machine. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "broker/command/policy_list.h"
#include "common/policy.h"
#include "common/policy_advice.h"

enum { TEXT_BYTES = 64 * 1024 };

static void every_row_has_a_call_a_role_and_a_reason(void **state)
{
    (void)state;
    assert_true(policy_row_count > 50);
    for (size_t i = 0; i < policy_row_count; i++) {
        const struct policy_row *row = &policy_rows[i];
        assert_true(row->call != NULL && row->why != NULL && row->roles != 0);
        assert_int_equal(seccomp_syscall_resolve_name(row->call), row->number);
        for (size_t j = 0; j < POLICY_CONDITIONS && row->when[j].mask != 0; j++)
            assert_true(row->when[j].words[0] != '\0' && row->when[j].argument < 6);
    }
    for (int role = 0; role < POLICY_ROLES; role++)
        assert_true(policy_roles[role].name != NULL && policy_count_calls((enum policy_role)role, false) > 0);
}

static void read_file(const char *path, char *out)
{
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    out[fread(out, 1, TEXT_BYTES - 1, file)] = '\0';
    fclose(file);
}

static void the_documents_say_what_the_table_says(void **state)
{
    static char readme[TEXT_BYTES], security[TEXT_BYTES];
    char phrase[64];

    (void)state;
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: a sanitizer build allows more\n");
    skip();
#endif
    read_file("README.md", readme);
    read_file("SECURITY.md", security);
    snprintf(phrase, sizeof(phrase), "a seccomp filter with %zu system calls",
             policy_count_calls(POLICY_RENDERER, false));
    assert_non_null(strstr(readme, phrase));
    snprintf(phrase, sizeof(phrase), "A renderer is allowed %zu calls", policy_count_calls(POLICY_RENDERER, false));
    assert_non_null(strstr(security, phrase));
    snprintf(phrase, sizeof(phrase), "%zu more fail quietly", policy_count_calls(POLICY_RENDERER, true));
    assert_non_null(strstr(security, phrase));
    const char *section = strstr(security, "## The system calls");
    assert_non_null(section);
    for (size_t i = 0; i < policy_row_count; i++) {
        if ((policy_rows[i].roles & 1u << POLICY_RENDERER) && strstr(section, policy_rows[i].call) == NULL)
            fail_msg("SECURITY.md does not name %s", policy_rows[i].call);
    }
}

static void the_list_names_rule_and_count_within_80_columns(void **state)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    char phrase[64];

    (void)state;
    policy_list_print_all(out);
    fclose(out);
    snprintf(phrase, sizeof(phrase), "\n%zu system calls allowed:\n", policy_count_calls(POLICY_RENDERER, false));
    assert_non_null(strstr(text, phrase));
    assert_non_null(strstr(text, "  mmap              readable and writable, private, without a file: malloc;"));
    assert_non_null(strstr(text, "  clone3            ENOSYS: "));
    assert_non_null(strstr(text, "symboliser: "));
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n") + 1)
        assert_true(strcspn(line, "\n") <= 80);
    free(text);
}

static void the_json_has_every_row(void **state)
{
    (void)state;
    for (int role = 0; role < POLICY_ROLES; role++) {
        json_t *list = policy_list_json((enum policy_role)role);
        size_t rows = 0;
        assert_non_null(list);
        for (size_t i = 0; i < policy_row_count; i++)
            rows += policy_row_is_for(&policy_rows[i], (enum policy_role)role);
        assert_int_equal(json_array_size(json_object_get(list, "rules")), rows);
        assert_int_equal(json_integer_value(json_object_get(list, "allowed")),
                         policy_count_calls((enum policy_role)role, false));
        json_decref(list);
    }
}

/* What the kernel would do with this call: the action and its data. */
static uint32_t simulate(const struct policy_program *program, const struct seccomp_data *data)
{
    size_t count;
    const struct sock_filter *code = policy_instructions(program, &count);
    uint32_t accumulator = 0;

    for (size_t at = 0; at < count; at++) {
        const struct sock_filter *i = &code[at];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            memcpy(&accumulator, (const char *)data + i->k, sizeof(accumulator));
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            accumulator &= i->k;
            break;
        case BPF_JMP | BPF_JA:
            at += i->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += accumulator == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            at += accumulator > i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += accumulator >= i->k ? i->jt : i->jf;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %zu has code %#x", at, i->code);
        }
    }
    fail_msg("ran past the end");
    return 0;
}

static const struct machine {
    const char *name;
    uint32_t seccomp, audit;
} machines[] = {
    {"x86_64", SCMP_ARCH_X86_64, AUDIT_ARCH_X86_64},
    {"aarch64", SCMP_ARCH_AARCH64, AUDIT_ARCH_AARCH64},
};

static uint32_t expected_action(const struct policy_row *row, enum policy_role role)
{
    int error = row != NULL ? row->error : policy_roles[role].error;

    if (row == NULL && error == 0)
        return SECCOMP_RET_TRAP;
    return error != 0 ? SECCOMP_RET_ERRNO | (uint32_t)error : SECCOMP_RET_ALLOW;
}

static void compare_call(const struct policy_program *program, const struct machine *machine, enum policy_role role,
                         int number, const char *name)
{
    static const uint64_t arguments[][6] = {
        {0},
        {1, FUTEX_WAKE_PRIVATE, 1},
        {2, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, PROT_READ | PROT_WRITE, MAP_SHARED},
        {3, O_WRONLY, PROT_EXEC, MAP_PRIVATE},
        {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS},
        {0, 4096, PROT_READ, MAP_PRIVATE},
        {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS},
        {0, FUTEX_LOCK_PI, O_RDWR, MAP_SHARED | MAP_ANONYMOUS},
        {POLICY_OWN_PID, 1, 6},
        {~0ull, ~0ull, ~0ull, ~0ull},
    };
    int native = seccomp_syscall_resolve_name(name);

    for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++) {
        struct seccomp_data data = {.nr = number, .arch = machine->audit};
        memcpy(data.args, arguments[i], sizeof(data.args));
        /* A call that only the other machine has (native < 0) has no rows. */
        const struct policy_row *row = native < 0 ? NULL : policy_find(role, native, arguments[i], POLICY_OWN_PID);
        uint32_t wanted = expected_action(row, role), action = simulate(program, &data);
        if (action != wanted)
            fail_msg("%s on %s as %s, arguments %zu: action %#x, wanted %#x", name, machine->name,
                     policy_roles[role].name, i, action, wanted);
    }
}

static void the_programs_of_both_machines_do_what_the_rows_say(void **state)
{
    (void)state;
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: rows of a sanitizer build overlap\n");
    skip();
#endif
    for (size_t m = 0; m < sizeof(machines) / sizeof(machines[0]); m++) {
        for (int role = 0; role < POLICY_ROLES; role++) {
            struct policy_program *program;
            unsigned named = 0, unnamed = policy_roles[role].error ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_TRAP;
            assert_int_equal(policy_compile_for((enum policy_role)role, machines[m].seccomp, &program), 0);
            for (int number = 0; number < 600; number++) {
                struct seccomp_data data = {.nr = number, .arch = machines[m].audit};
                char *name = seccomp_syscall_resolve_num_arch(machines[m].seccomp, number);
                if (name != NULL)
                    compare_call(program, &machines[m], (enum policy_role)role, number, name);
                else
                    assert_int_equal(simulate(program, &data), unnamed);
                named += name != NULL;
                free(name);
            }
            assert_true(named > 250);
            struct seccomp_data foreign = {.nr = 1, .arch = AUDIT_ARCH_I386};
            assert_int_equal(simulate(program, &foreign), unnamed);
            policy_free(program);
        }
    }
}

static void advice_is_a_row_of_the_table(void **state)
{
    static const uint64_t execute[6] = {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS};
    char row[256];

    (void)state;
    policy_advice_row(POLICY_RENDERER, "mmap", execute, row, sizeof(row));
    assert_string_equal(row,
                        "{CALL(mmap), RENDERER, RUNS, {INT(2, 0x5, \"WORDS\"), INT(3, 0x22, \"WORDS\")}, \"WHY\"},");
    policy_advice_row(POLICY_RENDERER, "socket", execute, row, sizeof(row));
    assert_string_equal(row, "{CALL(socket), RENDERER, .why = \"WHY\"},");
    policy_advice_row(POLICY_SYMBOLISER, "openat", execute, row, sizeof(row));
    assert_string_equal(row, "{CALL(openat), SYMBOLISER, RUNS, {INT(2, 0x5, \"WORDS\")}, \"WHY\"},");
}

static void advice_tells_what_a_call_opens(void **state)
{
    (void)state;
    assert_non_null(strstr(policy_advice_opens("openat"), "the empty root and Landlock"));
    assert_non_null(strstr(policy_advice_opens("socket"), "network namespace"));
    assert_non_null(strstr(policy_advice_opens("no_such_call"), "nobody has looked at"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_has_a_call_a_role_and_a_reason),
        cmocka_unit_test(the_documents_say_what_the_table_says),
        cmocka_unit_test(the_list_names_rule_and_count_within_80_columns),
        cmocka_unit_test(the_json_has_every_row),
        cmocka_unit_test(the_programs_of_both_machines_do_what_the_rows_say),
        cmocka_unit_test(advice_is_a_row_of_the_table),
        cmocka_unit_test(advice_tells_what_a_call_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
