#include "broker/trace/report.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "broker/crash/exit_advice.h"
#include "broker/crash/symbolise.h"
#include "common/codec.h"
#include "common/text.h"

void report_format_duration(char *out, size_t out_size, uint64_t ns)
{
    static const struct {
        double ns;
        const char *unit;
    } units[] = {{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}, {1, "ns"}};
    size_t i = 0;

    if (ns == 0) {
        snprintf(out, out_size, "-");
        return;
    }
    while (i < 3 && (double)ns < units[i].ns)
        i++;
    double value = (double)ns / units[i].ns;
    snprintf(out, out_size, "%.*f %s", value < 9.95 && i < 3 ? 1 : 0, value, units[i].unit);
}

static size_t report_direction(const struct codec *codec, const struct counter counters[CODEC_TYPES],
                               struct report_row *rows)
{
    unsigned types[CODEC_TYPES];
    size_t type_count = codec_types(codec, types), count = 0;

    for (size_t i = 0; i < type_count; i++) {
        const struct counter *counter = &counters[types[i]];
        if (counter->messages == 0 && counter->drops == 0)
            continue;
        rows[count++] = (struct report_row){
            .direction = codec->name,
            .type = codec_type_name(codec, types[i]),
            .messages = counter->messages,
            .bytes = counter->bytes,
            .fds = counter->fds,
            .drops = counter->drops,
            .p50_ns = counter->latency ? histogram_percentile(counter->latency, 0.5) : 0,
            .p99_ns = counter->latency ? histogram_percentile(counter->latency, 0.99) : 0,
        };
    }
    return count;
}

size_t report_counters(const struct counters *counters, struct report_row ret_rows[REPORT_ROWS])
{
    size_t count = report_direction(&codec_to_renderer, counters->to_renderer, ret_rows);

    return count + report_direction(&codec_to_broker, counters->to_broker, ret_rows + count);
}

/* Pads by columns: "µs" is two columns and three bytes. */
static void report_print_right(FILE *out, int columns, const char *text)
{
    int used = (int)text_columns(text);

    fprintf(out, "%*s%s", columns > used ? columns - used : 0, "", text);
}

static void report_print_row(FILE *out, const struct report_row *row)
{
    char bytes[32], p50[32], p99[32];

    text_format_bytes(bytes, sizeof(bytes), row->bytes);
    report_format_duration(p50, sizeof(p50), row->p50_ns);
    report_format_duration(p99, sizeof(p99), row->p99_ns);
    fprintf(out, "  %-16s %9llu ", row->type, (unsigned long long)row->messages);
    report_print_right(out, 9, bytes);
    fprintf(out, " %5llu %5llu ", (unsigned long long)row->fds, (unsigned long long)row->drops);
    report_print_right(out, 8, p50);
    fputc(' ', out);
    report_print_right(out, 8, p99);
    fputc('\n', out);
}

static void report_print_direction(FILE *out, const struct report_row *rows, size_t count, const char *direction,
                                   uint64_t packets)
{
    struct report_row total = {.type = "all"};

    fprintf(out, "%-18s %9s %9s %5s %5s %8s %8s\n", direction, "messages", "bytes", "fds", "drops", "p50", "p99");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].direction, direction) != 0)
            continue;
        report_print_row(out, &rows[i]);
        total.messages += rows[i].messages;
        total.bytes += rows[i].bytes;
        total.fds += rows[i].fds;
        total.drops += rows[i].drops;
    }
    report_print_row(out, &total);
    fprintf(out, "  in %llu packets\n", (unsigned long long)packets);
}

char *report_counters_text(const struct counters *counters)
{
    struct report_row *rows = calloc(REPORT_ROWS, sizeof(*rows));
    char *text = NULL;
    size_t size;
    FILE *out = rows ? open_memstream(&text, &size) : NULL;

    if (out) {
        size_t count = report_counters(counters, rows);
        report_print_direction(out, rows, count, codec_to_renderer.name, counters->packets_out);
        report_print_direction(out, rows, count, codec_to_broker.name, counters->packets_in);
        fclose(out);
    }
    free(rows);
    return text;
}

static const char *oom_words(enum oom_kind kind)
{
    switch (kind) {
    case OOM_OWN_LIMIT:
    case OOM_AROUND:
        return ", by the OOM killer";
    case OOM_HOST:
        return ", maybe by the OOM killer";
    case OOM_NONE:
        break;
    }
    return "";
}

static void report_print_kernel(FILE *out, const struct exit_report *report)
{
    fprintf(out, "kernel    pid %d ", (int)report->pid);
    if (report->wait_code == CLD_EXITED)
        fprintf(out, "exited with status %d\n", report->wait_status);
    else
        fprintf(out, "ended by signal %d (%s)%s%s\n", report->wait_status, crash_signal_name(report->wait_status),
                report->wait_code == CLD_DUMPED ? ", core dumped" : "", oom_words(report->oom.kind));
    if (report->kill_reason != KILL_NONE)
        fprintf(out, "broker    killed it: %s%s%s\n", kill_reason_name(report->kill_reason),
                report->violation != VIOLATION_NONE ? ": " : "",
                report->violation != VIOLATION_NONE ? violation_name(report->violation) : "");
}

static void report_print_claim(FILE *out, const struct crash_record *record)
{
    char note[CRASH_NOTE_BYTES * 4], size[32];

    fprintf(out, "renderer's own word: %s\n", crash_kind_name(record->kind));
    if (record->kind == CRASH_SIGNAL)
        fprintf(out, "signal    %s (%s)\n", crash_signal_name(record->signal),
                crash_code_text(record->signal, record->code));
    if (crash_has_address(record))
        fprintf(out, "address   0x%llx\n", (unsigned long long)record->fault_address);
    if (record->kind == CRASH_SYSCALL) {
        fprintf(out, "syscall   %s (", crash_syscall_name(record->syscall_arch, record->syscall_number));
        for (int i = 0; i < 6; i++)
            fprintf(out, "%s0x%llx", i ? ", " : "", (unsigned long long)record->syscall_arguments[i]);
        fputs(")\n", out);
    }
    if (record->kind == CRASH_OUT_OF_MEMORY) {
        text_format_bytes(size, sizeof(size), record->requested_bytes);
        fprintf(out, "memory    could not get %s more\n", size);
    }
    fprintf(out, "at        0x%llx, thread %d", (unsigned long long)record->instruction_pointer, record->thread_id);
    text_escape(note, sizeof(note), record->note, strnlen(record->note, sizeof(record->note)));
    fprintf(out, note[0] ? ", step \"%s\"\n" : "%s\n", note);
}

char *report_end_text(const struct exit_report *report, const char *backtrace)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    struct exit_advice advice;
    fprintf(out, "%s\n", report->summary);
    exit_advice_fill(&advice, report);
    exit_advice_print(out, "", &advice);
    report_print_kernel(out, report);
    if (report->has_record)
        report_print_claim(out, &report->record);
    if (backtrace)
        fprintf(out, "backtrace\n%s", backtrace);
    fclose(out);
    return text;
}
