#include "tests/support/check_policy.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/audit_record.h"
#include "common/policy_advice.h"

struct seen {
    unsigned long long rows[AUDIT_ROWS];
    int findings;
};

/* The kernel is kept from telling the time; whoever still can has it from the vDSO. */
static bool clock_needs_no_call(void)
{
    int status = 1;
    pid_t child = fork();

    if (child == 0) {
        struct timespec now;
        scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
        if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clock_gettime), 0) < 0 || seccomp_load(filter) < 0)
            _exit(2);
        _exit(clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? 0 : 1);
    }
    waitpid(child, &status, 0);
    return status == 0;
}

void check_policy_look_at_host(struct check_policy_host *ret_host)
{
    char line[128];
    bool debian = false, twelve = false;
    FILE *release = fopen("/etc/os-release", "r");

    while (release != NULL && fgets(line, sizeof(line), release) != NULL) {
        debian |= strcmp(line, "ID=debian\n") == 0;
        twelve |= strcmp(line, "VERSION_ID=\"12\"\n") == 0;
    }
    if (release != NULL)
        fclose(release);
    *ret_host = (struct check_policy_host){debian && twelve, clock_needs_no_call()};
}

static void take_other(struct seen *seen, const char *call, unsigned long long count, bool is_honest, FILE *out)
{
    static const uint64_t unknown[6];
    char row[224];

    /* The crash test "forbidden-syscall". */
    if (!is_honest && strcmp(call, "socket") == 0)
        return;
    policy_advice_row(POLICY_RENDERER, call, unknown, row, sizeof(row));
    fprintf(out, "needed and not allowed: %s, %llu times (%s; %s)\n", call, count, row, policy_advice_opens(call));
    seen->findings++;
}

static int take_log(struct seen *seen, FILE *log, const struct policy_row *rows, size_t row_count, bool is_honest,
                    FILE *out)
{
    char line[256], kind[8], call[64];
    unsigned long long index, count;
    size_t lines = 0;

    for (; fgets(line, sizeof(line), log) != NULL; lines++) {
        if (sscanf(line, "%7s %llu %63s %llu", kind, &index, call, &count) != 4)
            return -EBADMSG;
        if (strcmp(kind, "other") == 0)
            take_other(seen, call, count, is_honest, out);
        else if (strcmp(kind, "row") != 0 || index >= row_count || strcmp(rows[index].call, call) != 0)
            return -EBADMSG; /* of another build */
        else
            seen->rows[index] += count;
    }
    return lines > 0 ? 0 : -ENODATA;
}

static bool note_holds(enum policy_absence absence, const struct check_policy_host *host)
{
    switch (absence) {
    case POLICY_IS_SEEN:
    case POLICY_SANITIZER:
        return false;
    case POLICY_UNCOUNTABLE:
        return true;
    case POLICY_CLOCK:
        return host->vdso_reads_clock;
    case POLICY_OTHER_SYSTEM:
        return host->is_debian_12;
    }
    return false;
}

static void judge_row(struct seen *seen, const struct policy_row *row, unsigned long long count,
                      const struct check_policy_host *host, FILE *out)
{
    char rule[128];

    policy_row_describe(row, rule, sizeof(rule));
    if (count == 0 && row->absence == POLICY_IS_SEEN)
        fprintf(out, "never needed: %s%s%s (%s)\n", row->call, rule[0] ? ", " : "", rule, row->why);
    else if (count != 0 && note_holds(row->absence, host))
        fprintf(out, "needed, although the table says \"%s\": %s%s%s\n", policy_absence_text(row->absence), row->call,
                rule[0] ? ", " : "", rule);
    else
        return;
    seen->findings++;
}

/* What passes without having been looked at: it is told which, and how many. */
static void tell_excused(const struct seen *seen, const struct policy_row *rows, size_t row_count,
                         enum policy_absence absence, FILE *out)
{
    const char *separator = ": ";
    char names[1024] = "";
    size_t excused = 0, length = 0;

    for (size_t i = 0; i < row_count; i++) {
        if (!policy_row_is_for(&rows[i], POLICY_RENDERER) || rows[i].absence != absence || seen->rows[i] != 0)
            continue;
        length += (size_t)snprintf(names + length, length < sizeof(names) ? sizeof(names) - length : 0, "%s%s",
                                   separator, rows[i].call);
        separator = ", ";
        excused++;
    }
    if (excused > 0)
        fprintf(out, "excused, \"%s\", %zu row%s%s\n", policy_absence_text(absence), excused, excused == 1 ? "" : "s",
                names);
}

static void tell_seen(const struct seen *seen, const struct policy_row *rows, size_t row_count, FILE *out)
{
    size_t used = 0, count = 0;

    for (size_t i = 0; i < row_count; i++) {
        count += policy_row_is_for(&rows[i], POLICY_RENDERER);
        used += policy_row_is_for(&rows[i], POLICY_RENDERER) && seen->rows[i] != 0;
    }
    fprintf(out, "%zu of the renderer's %zu rows seen\n", used, count);
    for (int absence = POLICY_IS_SEEN + 1; policy_absence_text((enum policy_absence)absence) != NULL; absence++)
        tell_excused(seen, rows, row_count, (enum policy_absence)absence, out);
}

int check_policy(const struct policy_row *rows, size_t row_count, const struct check_policy_host *host, FILE *honest,
                 FILE *tests, FILE *out)
{
    struct seen seen = {.findings = 0};

    if (row_count > AUDIT_ROWS)
        return -E2BIG;
    int rc = take_log(&seen, honest, rows, row_count, true, out);
    if (rc == 0)
        rc = take_log(&seen, tests, rows, row_count, false, out);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < row_count; i++) {
        if (policy_row_is_for(&rows[i], POLICY_RENDERER))
            judge_row(&seen, &rows[i], seen.rows[i], host, out);
    }
    tell_seen(&seen, rows, row_count, out);
    return seen.findings;
}
