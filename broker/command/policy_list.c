#include "broker/command/policy_list.h"

#include <stdbool.h>
#include <string.h>

#include "common/text.h"

enum { COLUMNS = 80, CALL_COLUMNS = 18, RULE_BYTES = 128, LINE_BYTES = 512 };

static const char *row_error(const struct policy_row *row)
{
    const char *name = strerrorname_np(row->error);
    return name != NULL ? name : "an error";
}

/* "the same" is the reason of the row above, and shown as that reason: a list may begin anywhere. */
static const char *row_why(const struct policy_row *row)
{
    while (strcmp(row->why, "the same") == 0 && row > policy_rows)
        row--;
    return row->why;
}

static void print_row(FILE *out, enum policy_role role, const struct policy_row *row)
{
    char rule[RULE_BYTES], line[LINE_BYTES], mark[8] = "";

    policy_row_describe(row, rule, sizeof(rule));
    if (row->absence != POLICY_IS_SEEN && policy_roles[role].is_audited)
        snprintf(mark, sizeof(mark), " [%d]", (int)row->absence);
    snprintf(line, sizeof(line), "%s%s%s%s", row->error ? row_error(row) : rule, row->error || rule[0] ? ": " : "",
             row_why(row), mark);
    fprintf(out, "  %-*s", CALL_COLUMNS, row->call);
    text_print_wrapped(out, line, CALL_COLUMNS + 2, COLUMNS, CALL_COLUMNS + 2);
}

static bool is_marked(enum policy_role role, enum policy_absence absence)
{
    for (size_t i = 0; i < policy_row_count; i++) {
        if (policy_row_is_for(&policy_rows[i], role) && policy_rows[i].absence == absence)
            return true;
    }
    return false;
}

/* `make check-policy` proves every row needed but those marked, and those of a role without a handler. */
static void print_marks(FILE *out, enum policy_role role)
{
    const char *text;

    if (!policy_roles[role].is_audited) {
        fputs("\nNot audited: no handler in this role could count its calls.\n", out);
        return;
    }
    for (int i = 1; (text = policy_absence_text((enum policy_absence)i)) != NULL; i++) {
        if (is_marked(role, (enum policy_absence)i))
            fprintf(out, "\n[%d] %s", i, text);
    }
    fputc('\n', out);
}

static void print_rows(FILE *out, enum policy_role role, bool refused)
{
    for (size_t i = 0; i < policy_row_count; i++) {
        if (policy_row_is_for(&policy_rows[i], role) && (policy_rows[i].error != 0) == refused)
            print_row(out, role, &policy_rows[i]);
    }
}

void policy_list_print(FILE *out, enum policy_role role)
{
    const struct policy_role_words *words = &policy_roles[role];
    size_t allowed = policy_count_calls(role, false), refused = policy_count_calls(role, true);

    fprintf(out, "%s: %s\n\n%zu system call%s allowed:\n\n", words->name, words->what, allowed,
            allowed == 1 ? "" : "s");
    print_rows(out, role, false);
    if (refused > 0) {
        fprintf(out, "\n%zu fail%s quietly, because honest code tries them and goes on without:\n\n", refused,
                refused == 1 ? "s" : "");
        print_rows(out, role, true);
    }
    if (words->error != 0)
        fprintf(out,
                "\nEvery other call with a name fails with %s; numbers without a name and\n"
                "calls of another architecture end it at once.\n",
                strerrorname_np(words->error));
    else
        fputs("\nEvery other call is reported and ends it, numbers without a name and calls of\n"
              "another architecture too.\n",
              out);
    print_marks(out, role);
}

void policy_list_print_all(FILE *out)
{
    for (int role = 0; role < POLICY_ROLES; role++) {
        if (role > 0)
            fputc('\n', out);
        policy_list_print(out, (enum policy_role)role);
    }
}

static json_t *row_json(const struct policy_row *row)
{
    char rule[RULE_BYTES];

    policy_row_describe(row, rule, sizeof(rule));
    return json_pack("{s:s, s:s?, s:s, s:s?, s:s, s:s?}", "call", row->call, "arguments", rule[0] ? rule : NULL,
                     "action", row->error ? "errno" : "allow", "errno", row->error ? row_error(row) : NULL, "why",
                     row_why(row), "not_seen", policy_absence_text(row->absence));
}

json_t *policy_list_json(enum policy_role role)
{
    const struct policy_role_words *words = &policy_roles[role];
    json_t *rules = json_array();

    for (size_t i = 0; i < policy_row_count; i++) {
        if (policy_row_is_for(&policy_rows[i], role))
            json_array_append_new(rules, row_json(&policy_rows[i]));
    }
    return json_pack("{s:s, s:s, s:I, s:I, s:s, s:o}", "role", words->name, "what", words->what, "allowed",
                     (json_int_t)policy_count_calls(role, false), "refused", (json_int_t)policy_count_calls(role, true),
                     "otherwise", words->error ? strerrorname_np(words->error) : "report and end", "rules", rules);
}
