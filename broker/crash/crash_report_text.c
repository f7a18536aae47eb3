#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/crash/crash_report.h"
#include "common/text.h"

enum { REGISTERS_A_LINE = 3, CODE_A_LINE = 16 };

static void print_row(FILE *out, const char *key, const char *value)
{
    if (*value != '\0')
        fprintf(out, "  %-10s %s\n", key, value);
}

static void print_when(FILE *out, uint64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm local = {0};
    char text[64] = "";

    localtime_r(&seconds, &local);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z", &local);
    print_row(out, "when", text);
}

static void print_document(FILE *out, const struct crash_report_document *document)
{
    char size[32];

    print_row(out, "document", document->given);
    if (document->bytes > 0) {
        text_format_bytes(size, sizeof size, document->bytes);
        fprintf(out, "  %-10s %s (%" PRIu64 " bytes)\n", "size", size, document->bytes);
    }
    if (document->format[0] != '\0')
        fprintf(out, "  %-10s %s (the renderer's word)\n", "format", document->format);
    print_row(out, "sha256", document->sha256);
    if (document->no_sha256[0] != '\0')
        fprintf(out, "  %-10s none: %s\n", "sha256", document->no_sha256);
}

static void print_circumstances(FILE *out, const struct crash_report *report, const char *path)
{
    if (path != NULL)
        print_row(out, "file", path);
    print_when(out, report->time_ms);
    if (report->has_document)
        print_document(out, &report->document);
    else
        print_row(out, "document", "none yet");
    fprintf(out, "  %-10s %" PRIu64 ", pid %" PRIu64 ", lived %.3f s\n", "renderer", report->end.renderer,
            report->end.pid, (double)report->end.lived_ms / 1000);
    fprintf(out, "  %-10s bulkhead %s%s%s\n", "versions", report->bulkhead, report->engine[0] != '\0' ? ", " : "",
            report->engine);
    fprintf(out, "  %-10s Linux %s %s\n", "kernel", report->kernel, report->machine);
    print_row(out, "", report->kernel_build);
}

static void print_oom(FILE *out, const struct crash_report_end *end)
{
    char limit[32];

    fprintf(out, "  %-10s %s", "OOM killer", end->oom_kill);
    if (end->oom_limit_bytes > 0) {
        text_format_bytes(limit, sizeof limit, end->oom_limit_bytes);
        fprintf(out, ", %s", limit);
    }
    fputc('\n', out);
}

static void print_end(FILE *out, const struct crash_report_end *end)
{
    fputs("\nThe end\n", out);
    if (end->signal[0] != '\0')
        fprintf(out, "  %-10s pid %" PRIu64 " was ended by %s%s\n", "kernel", end->pid, end->signal,
                end->dumped_core ? ", and left a core" : "");
    else
        fprintf(out, "  %-10s pid %" PRIu64 " exited with status %" PRId64 "\n", "kernel", end->pid, end->status);
    if (end->oom_kill[0] != '\0')
        print_oom(out, end);
    if (end->killed_for[0] != '\0')
        fprintf(out, "  %-10s killed it: %s%s%s\n", "broker", end->killed_for, end->violation[0] != '\0' ? ": " : "",
                end->violation);
}

static void print_syscall(FILE *out, const struct crash_report_word *word)
{
    fprintf(out, "  %-10s %s(", "syscall", word->syscall);
    for (size_t i = 0; i < word->argument_count; i++)
        fprintf(out, "%s0x%" PRIx64, i > 0 ? ", " : "", word->arguments[i]);
    fputs(")\n", out);
}

static void print_event(FILE *out, const struct crash_report_word *word)
{
    char bytes[32];

    fputs("\nThe renderer's own word: a claim, for whoever took it over could write it\n", out);
    print_row(out, "kind", word->kind);
    if (word->signal[0] != '\0')
        fprintf(out, "  %-10s %s (%s)\n", "signal", word->signal, word->reason);
    if (word->has_address)
        fprintf(out, "  %-10s 0x%" PRIx64 "\n", "address", word->address);
    if (word->has_syscall)
        print_syscall(out, word);
    if (word->has_advice)
        fprintf(out, "  %-10s to allow it, add to %s:\n  %-10s %s\n  %-10s that %s\n", "policy", word->advice_file, "",
                word->advice_row, "", word->advice_opens);
    if (word->requested_bytes > 0) {
        text_format_bytes(bytes, sizeof bytes, word->requested_bytes);
        fprintf(out, "  %-10s could not get %s more\n", "memory", bytes);
    }
    fprintf(out, "  %-10s %" PRId64 "\n", "thread", word->thread);
    print_row(out, "step", word->step);
}

static void print_registers(FILE *out, const struct crash_report *report)
{
    const struct crash_report_word *word = &report->word;
    char where[96];

    for (size_t i = 0; i < word->register_count; i++)
        fprintf(out, "  %-6s %016" PRIx64 "%s", word->registers[i].name, word->registers[i].value,
                i % REGISTERS_A_LINE == REGISTERS_A_LINE - 1 || i + 1 == word->register_count ? "\n" : "");
    for (size_t i = 0; i < word->register_count; i++) {
        crash_report_locate(report, word->registers[i].value, where, sizeof where);
        if (where[0] != '\0')
            fprintf(out, "  %-6s is %s\n", word->registers[i].name, where);
    }
}

static void print_code(FILE *out, const struct crash_report_word *word)
{
    for (size_t i = 0; i < word->code_bytes; i++)
        fprintf(out, "%s%02x%s", i % CODE_A_LINE == 0 ? "  " : " ", word->code[i],
                i % CODE_A_LINE == CODE_A_LINE - 1 || i + 1 == word->code_bytes ? "\n" : "");
}

/* The renderer's own walk, where the symboliser had nothing better to say. */
static void print_frames(FILE *out, const struct crash_report_word *word)
{
    if (word->frame_count > 0)
        fputs("\nFrames, by its word\n", out);
    for (size_t i = 0; i < word->frame_count; i++)
        fprintf(out, "  #%zu 0x%016" PRIx64 " %s\n", i, word->frames[i].address,
                word->frames[i].where[0] != '\0' ? word->frames[i].where : "??");
}

static void print_machine(FILE *out, const struct crash_report *report)
{
    if (report->word.register_count > 0)
        fputs("\nRegisters, by its word\n", out);
    print_registers(out, report);
    if (report->word.code_bytes > 0)
        fputs("\nCode from the instruction pointer on, by its word\n", out);
    print_code(out, &report->word);
}

static void print_backtrace(FILE *out, const struct crash_report *report)
{
    const char *text = report->backtrace != NULL ? report->backtrace : "";

    if (*text != '\0')
        fputs("\nBacktrace, from its registers and stack, symbolised outside the cell\n", out);
    for (const char *at = text; *at != '\0'; at += strspn(at, "\n")) {
        size_t length = strcspn(at, "\n");
        fprintf(out, "  %.*s\n", (int)length, at);
        at += length;
    }
    if (*text == '\0' || strncmp(text, "no backtrace", strlen("no backtrace")) == 0)
        print_frames(out, &report->word);
}

/* Large ones are the renderer's own choice, as a rule with a bit set high up. */
static void print_request(FILE *out, uint64_t request)
{
    if (request > INT64_MAX)
        fprintf(out, ", request 0x%" PRIx64, request);
    else if (request > 0)
        fprintf(out, ", request %" PRIu64, request);
}

static void print_messages(FILE *out, const struct crash_report *report)
{
    if (report->message_count > 0)
        fputs("\nLast messages, by the time before the end\n", out);
    for (size_t i = 0; i < report->message_count; i++) {
        const struct crash_report_message *message = &report->messages[i];
        fprintf(out, "  %12.3f ms  %-11s  %s", (double)message->before_end_us / 1000, message->direction,
                message->name[0] != '\0' ? message->name : "?");
        print_request(out, message->request);
        if (message->fds > 0)
            fprintf(out, ", with %" PRIu64 " fd%s", message->fds, message->fds == 1 ? "" : "s");
        if (message->count > 1)
            fprintf(out, ", %" PRIu64 " times", message->count);
        if (message->refused[0] != '\0')
            fprintf(out, ", refused: %s", message->refused);
        fputc('\n', out);
    }
}

static void print_requests(FILE *out, const struct crash_report *report)
{
    if (report->request_count > 0)
        fputs("\nAsked and not answered\n", out);
    for (size_t i = 0; i < report->request_count; i++) {
        const struct crash_report_request *request = &report->requests[i];
        fprintf(out, "  %12" PRIu64 " ms  %s, request %" PRIu64, request->age_ms, request->name, request->id);
        if (request->page > 0)
            fprintf(out, ", page %" PRIu64, request->page);
        fputc('\n', out);
    }
}

/* Where a module ends is left to the JSON: so they fit into 80 columns. */
static void print_modules(FILE *out, const struct crash_report *report)
{
    if (report->module_count > 0)
        fputs("\nModules: start, build id, name\n", out);
    for (size_t i = 0; i < report->module_count; i++) {
        const struct crash_report_module *module = &report->modules[i];
        fprintf(out, "  %012" PRIx64 " ", module->start);
        for (size_t byte = 0; byte < module->build_id_bytes; byte++)
            fprintf(out, "%02x", module->build_id[byte]);
        fprintf(out, "%s %s\n", module->build_id_bytes == 0 ? "-" : "", crash_report_module_name(module));
    }
}

static void print_layers(FILE *out, const struct crash_report *report)
{
    size_t in_force = 0, wanted = 0;

    for (size_t i = 0; i < report->layer_count; i++) {
        in_force += report->layers[i].in_force;
        wanted += report->layers[i].in_force || !report->layers[i].is_optional;
    }
    if (report->layer_count > 0)
        fprintf(out, "\nSandbox, as the cell found it: %zu of %zu layers\n", in_force, wanted);
    for (size_t i = 0; i < report->layer_count; i++) {
        const struct crash_report_layer *layer = &report->layers[i];
        fprintf(out, "  %-3s %-26s %s%s%s\n",
                layer->in_force      ? "yes"
                : layer->is_optional ? "no"
                                     : "NO",
                layer->name, layer->evidence, layer->evidence[0] != '\0' && layer->error[0] != '\0' ? ", " : "",
                layer->error);
    }
}

static void print_limits(FILE *out, const struct crash_report_limits *limits)
{
    char memory[32], file[32];

    text_format_bytes(memory, sizeof memory, limits->memory_bytes);
    text_format_bytes(file, sizeof file, limits->file_bytes);
    fprintf(out, "\nLimits in force\n  %-10s %s\n", "memory", limits->memory_bytes > 0 ? memory : "none");
    fprintf(out, "  %-10s %" PRIu64 " ms for a request\n", "time", limits->request_ms);
    fprintf(out, "  %-10s ping every %" PRIu64 " ms, unresponsive after %" PRIu64 " ms, hung %" PRIu64 " ms later\n",
            "watchdog", limits->ping_interval_ms, limits->unresponsive_ms, limits->hung_ms);
    fprintf(out, "  %-10s %" PRIu64 " a second\n", "messages", limits->messages_per_second);
    if (limits->files_allowed)
        fprintf(out, "  %-10s %" PRIu64 " beside the document, each up to %s\n", "files", limits->files, file);
    else
        fprintf(out, "  %-10s none beside the document\n", "files");
}

char *crash_report_text(const struct crash_report *report, const char *path)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (out == NULL)
        return NULL;
    fprintf(out, "%s\n", report->end.summary);
    print_circumstances(out, report, path);
    print_end(out, &report->end);
    if (report->has_word)
        print_event(out, &report->word);
    print_backtrace(out, report);
    print_machine(out, report);
    print_messages(out, report);
    print_requests(out, report);
    print_layers(out, report);
    print_limits(out, &report->limits);
    print_modules(out, report);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
