#include "broker/crash/exit_advice.h"

#include "broker/crash/symbolise.h"
#include "common/policy_advice.h"

static const char where[] = "common/policy_table.c";

void exit_advice_fill(struct exit_advice *advice, const struct exit_report *report)
{
    const struct crash_record *record = &report->record;

    *advice = (struct exit_advice){.row = ""};
    if (report->cause != EXIT_CAUSE_SANDBOX_VIOLATION || !report->has_record || record->kind != CRASH_SYSCALL)
        return;
    if (!crash_syscall_has_row(record->syscall_arch, record->syscall_number))
        return;
    const char *call = crash_syscall_name(record->syscall_arch, record->syscall_number);
    policy_advice_row(POLICY_RENDERER, call, record->syscall_arguments, advice->row, sizeof(advice->row));
    advice->opens = policy_advice_opens(call);
}

void exit_advice_print(FILE *out, const char *prefix, const struct exit_advice *advice)
{
    if (advice->row[0] == '\0')
        return;
    fprintf(out, "%sto allow it, add to %s: %s\n%sthat %s\n", prefix, where, advice->row, prefix, advice->opens);
}

const char *exit_advice_file(void)
{
    return where;
}

json_t *exit_advice_json(const struct exit_advice *advice)
{
    if (advice->row[0] == '\0')
        return json_null();
    return json_pack("{s:s, s:s, s:s}", "add", advice->row, "to", where, "opens", advice->opens);
}
