#include "broker/trace/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "broker/crash/symbolise.h"
#include "common/fd.h"
#include "common/policy_advice.h"

#if defined(__x86_64__)
#include <linux/audit.h>
enum { OWN_ARCH = AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
#include <linux/audit.h>
enum { OWN_ARCH = AUDIT_ARCH_AARCH64 };
#endif

struct watched {
    struct watched *next;
    const struct audit_record *record; /* mapped */
};

struct audit {
    const char *log_path;
    struct watched *watched;
    unsigned renderers;
};

struct audit *audit_create(const char *log_path)
{
    struct audit *audit = calloc(1, sizeof(*audit));
    if (audit != NULL)
        audit->log_path = log_path;
    return audit;
}

int audit_watch(struct audit *audit, int record_fd)
{
    struct watched *watched = calloc(1, sizeof(*watched));
    if (watched == NULL)
        return -ENOMEM;
    void *record = mmap(NULL, AUDIT_RECORD_BYTES, PROT_READ, MAP_SHARED, record_fd, AUDIT_RECORD_OFFSET);
    if (record == MAP_FAILED) {
        free(watched);
        return -errno;
    }
    *watched = (struct watched){audit->watched, record};
    audit->watched = watched;
    audit->renderers++;
    return 0;
}

void audit_sum(const struct audit *audit, struct audit_sums *ret_sums)
{
    *ret_sums = (struct audit_sums){.renderers = audit->renderers};
    for (const struct watched *watched = audit->watched; watched != NULL; watched = watched->next) {
        for (int i = 0; i < AUDIT_ROWS; i++)
            ret_sums->rows[i] += atomic_load_explicit(&watched->record->rows[i], memory_order_relaxed);
        for (int i = 0; i < AUDIT_CALLS; i++)
            ret_sums->others[i] += atomic_load_explicit(&watched->record->others[i], memory_order_relaxed);
    }
}

/* Read by `make check-policy`: "row INDEX CALL COUNT" and "other NUMBER CALL COUNT". One write, so that brokers that
 * end at the same time do not mix their lines. */
static void append_log(const struct audit *audit)
{
    char *text = NULL;
    size_t size = 0;
    struct audit_sums sums;
    _fd_cleanup_ int fd = open(audit->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    FILE *out = fd < 0 ? NULL : open_memstream(&text, &size);

    if (out == NULL)
        return;
    audit_sum(audit, &sums);
    for (size_t i = 0; i < policy_row_count; i++) {
        if (sums.rows[i] != 0)
            fprintf(out, "row %zu %s %llu\n", i, policy_rows[i].call, (unsigned long long)sums.rows[i]);
    }
    for (int i = 0; i < AUDIT_CALLS; i++) {
        if (sums.others[i] != 0)
            fprintf(out, "other %d %s %llu\n", i, crash_syscall_name(OWN_ARCH, i), (unsigned long long)sums.others[i]);
    }
    if (fclose(out) == 0)
        (void)!write(fd, text, size);
    free(text);
}

void audit_destroy(struct audit *audit)
{
    if (audit == NULL)
        return;
    if (audit->log_path != NULL)
        append_log(audit);
    for (struct watched *watched = audit->watched, *next; watched != NULL; watched = next) {
        next = watched->next;
        munmap((void *)(uintptr_t)watched->record, AUDIT_RECORD_BYTES);
        free(watched);
    }
    free(audit);
}

/* One line of the report: a row, or a number that no row fits. */
struct line {
    uint64_t count;
    const struct policy_row *row; /* NULL: none */
    int number;
};

static int compare_lines(const void *left, const void *right)
{
    const struct line *a = left, *b = right;
    return (a->count < b->count) - (a->count > b->count);
}

static size_t collect_lines(const struct audit_sums *sums, struct line lines[AUDIT_ROWS + AUDIT_CALLS])
{
    size_t count = 0;

    for (size_t i = 0; i < policy_row_count; i++) {
        if (sums->rows[i] != 0)
            lines[count++] = (struct line){sums->rows[i], &policy_rows[i], policy_rows[i].number};
    }
    for (int i = 0; i < AUDIT_CALLS; i++) {
        if (sums->others[i] != 0)
            lines[count++] = (struct line){sums->others[i], NULL, i};
    }
    qsort(lines, count, sizeof(lines[0]), compare_lines);
    return count;
}

static const char *line_action(const struct line *line)
{
    if (line->row == NULL)
        return "not allowed";
    return line->row->error != 0 ? strerrorname_np(line->row->error) : "runs";
}

void audit_print(const struct audit *audit, FILE *out)
{
    struct audit_sums sums;
    struct line lines[AUDIT_ROWS + AUDIT_CALLS];
    char rule[128];

    audit_sum(audit, &sums);
    size_t count = collect_lines(&sums, lines);
    fprintf(out, "System calls of %u renderer%s, counted by %s:\n\n%10s  %-16s %-11s %s\n", sums.renderers,
            sums.renderers == 1 ? "" : "s", sums.renderers == 1 ? "itself" : "themselves", "count", "call", "action",
            "arguments");
    for (size_t i = 0; i < count; i++) {
        const struct line *line = &lines[i];
        rule[0] = '\0';
        if (line->row != NULL)
            policy_row_describe(line->row, rule, sizeof(rule));
        fprintf(out, "%10llu  %-16s %-11s %s\n", (unsigned long long)line->count,
                crash_syscall_name(OWN_ARCH, line->number), line_action(line), rule[0] ? rule : "any");
    }
}

static json_t *line_json(const struct line *line)
{
    char rule[128] = "";
    const char *call = crash_syscall_name(OWN_ARCH, line->number);

    if (line->row != NULL)
        policy_row_describe(line->row, rule, sizeof(rule));
    return json_pack("{s:s, s:s?, s:s, s:I, s:s?}", "call", call, "arguments", rule[0] ? rule : NULL, "action",
                     line_action(line), "count", (json_int_t)line->count, "opens",
                     line->row == NULL ? policy_advice_opens(call) : NULL);
}

json_t *audit_json(const struct audit *audit)
{
    struct audit_sums sums;
    struct line lines[AUDIT_ROWS + AUDIT_CALLS];
    json_t *calls = json_array();

    audit_sum(audit, &sums);
    size_t count = collect_lines(&sums, lines);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(calls, line_json(&lines[i]));
    return json_pack("{s:i, s:o}", "renderers", (int)sums.renderers, "calls", calls);
}
