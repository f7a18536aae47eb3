#include "broker/command/batch_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "broker/command/cli.h"
#include "broker/command/cli_lines.h"
#include "broker/command/cli_sandbox.h"
#include "broker/crash/symbolise.h"
#include "broker/output/json_name.h"
#include "broker/trace/audit.h"
#include "common/log.h"
#include "common/text.h"

enum { NAME_BYTES = 512 };

static const char *message_of(const struct batch_error *error)
{
    const struct exit_code_row *row = exit_code_find((int)error->code);
    return error->message ? error->message : row ? row->meaning : "unknown error";
}

static void print_way_out(FILE *out, const struct batch_error *error)
{
    const char *way_out = batch_error_way_out(error);
    if (way_out)
        fprintf(out, " (%s)", way_out);
    fputc('\n', out);
}

/* An empty name is one, too. */
static void name_of(const struct batch_file *file, char out[NAME_BYTES])
{
    text_escape(out, NAME_BYTES, *file->input ? file->input : "\"\"", *file->input ? strlen(file->input) : 2);
}

void batch_report_line(FILE *stream, const struct batch_file *file)
{
    struct cli_lines lines;
    FILE *out = cli_lines_begin(&lines, stream);
    char name[NAME_BYTES];
    name_of(file, name);
    fprintf(out, "bulkhead: %s: %s", name, message_of(&file->error));
    if (file->page_count > 1)
        fprintf(out, "; %zu of %zu pages were written", file->pages_written, file->page_count);
    print_way_out(out, &file->error);
    for (size_t i = 0; i < file->end_count; i++)
        exit_advice_print(out, "bulkhead: ", &file->ends[i].advice);
    cli_lines_end(&lines);
}

void batch_report_crash_line(FILE *stream, const struct batch_file *file, const char *path, const char *why)
{
    struct cli_lines lines;
    FILE *out = cli_lines_begin(&lines, stream);
    char name[NAME_BYTES] = "";
    if (file)
        name_of(file, name);
    fprintf(out, "bulkhead: %s%s", name, file ? ": " : "");
    if (path)
        fprintf(out, "crash report: %s\n", path);
    else
        fprintf(out, "warning: no crash report: %s (--crash-dir DIR says where, --no-crash-reports asks for none)\n",
                why);
    cli_lines_end(&lines);
}

void batch_report_crash_lines(FILE *out, const struct batch_file *file)
{
    for (size_t i = 0; i < file->end_count; i++)
        if (file->ends[i].report)
            batch_report_crash_line(out, file, file->ends[i].report, NULL);
}

void batch_report_warning(FILE *stream, const struct batch_file *file)
{
    const struct document_warnings *warnings = file->document ? document_warnings(file->document) : NULL;
    const struct document_warning *first = warnings ? document_warnings_damage(warnings, 0) : NULL;
    if (!first || log_get_level() > LOG_WARNING)
        return;
    struct cli_lines lines;
    FILE *out = cli_lines_begin(&lines, stream);
    char name[NAME_BYTES], text[384];
    name_of(file, name);
    document_warnings_format(text, sizeof(text), first, document_warnings_damage_total(warnings) - 1);
    fprintf(out, "bulkhead: warning: %s: may be incomplete: %s\n", name, text);
    cli_lines_end(&lines);
}

void batch_report_start_error(FILE *stream, const struct batch_error *error)
{
    struct cli_lines lines;
    FILE *out = cli_lines_begin(&lines, stream);
    fprintf(out, "bulkhead: %s", message_of(error));
    print_way_out(out, error);
    cli_lines_end(&lines);
}

static json_t *error_json(const struct batch_error *error)
{
    if (error->code == EXIT_CODE_OK)
        return json_null();
    const char *way_out = batch_error_way_out(error);
    return json_pack("{s:i, s:s, s:s, s:s?}", "code", (int)error->code, "name", exit_code_name((int)error->code),
                     "message", message_of(error), "way_out", way_out);
}

static json_t *milliseconds(uint64_t microseconds)
{
    return json_real((double)microseconds / 1000);
}

static const char *page_status(enum batch_page_state state)
{
    return state == BATCH_PAGE_WRITTEN ? "ok" : "failed";
}

static json_t *page_json(const struct batch_page *page)
{
    json_t *object = json_pack("{s:I, s:s, s:I, s:I, s:o}", "page", (json_int_t)page->page + 1, "status",
                               page_status(page->state), "width", (json_int_t)page->width_px, "height",
                               (json_int_t)page->height_px, "error", error_json(&page->error));
    json_name_set(object, "output", page->output);
    json_object_set_new(object, "paint_ms", milliseconds(page->paint_us));
    json_object_set_new(object, "encode_ms", milliseconds(page->encode_ns / 1000));
    return object;
}

/* One string a frame. */
static json_t *backtrace_json(const char *text)
{
    json_t *list = json_array();
    while (text && *text) {
        size_t length = strcspn(text, "\n");
        json_array_append_new(list, json_stringn(text, length));
        text += length + (text[length] == '\n');
    }
    return list;
}

static json_t *end_json(const struct batch_end *end)
{
    json_t *object = json_pack("{s:s, s:s, s:i, s:i}", "cause", exit_cause_name(end->cause), "summary", end->summary,
                               "renderer", (int)end->renderer_id, "pid", (int)end->pid);
    bool by_signal = end->wait_code == CLD_KILLED || end->wait_code == CLD_DUMPED;
    json_object_set_new(object, "page", end->has_page ? json_integer((json_int_t)end->page + 1) : json_null());
    json_object_set_new(object, "signal", by_signal ? json_string(crash_signal_name(end->wait_status)) : json_null());
    json_object_set_new(object, "status", by_signal ? json_null() : json_integer(end->wait_status));
    json_object_set_new(object, "killed_for",
                        end->kill_reason == KILL_NONE ? json_null() : json_string(kill_reason_name(end->kill_reason)));
    json_object_set_new(object, "violation",
                        end->violation == VIOLATION_NONE ? json_null() : json_string(violation_name(end->violation)));
    json_object_set_new(object, "oom_kill", end->oom == OOM_NONE ? json_null() : json_string(oom_kind_name(end->oom)));
    json_object_set_new(object, "backtrace", backtrace_json(end->backtrace));
    json_object_set_new(object, "policy_advice", exit_advice_json(&end->advice));
    json_object_set_new(object, "crash_report", end->report ? json_string(end->report) : json_null());
    return object;
}

static json_t *grants_json(const struct document *document)
{
    json_t *list = json_array();
    size_t count = 0;
    const struct document_grant *grants = document ? document_grants(document, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:I}", "path", grants[i].path, "status",
                                              document_grant_status_name(grants[i].status), "size",
                                              (json_int_t)grants[i].size_bytes));
    return list;
}

static const char *warning_kind_name(Bulkhead__Warning__Kind kind)
{
    return kind == BULKHEAD__WARNING__KIND__NOTE ? "note" : "damage";
}

static void add_warnings(json_t *object, struct document *document)
{
    json_t *list = json_array();
    const struct document_warnings *warnings = document ? document_warnings(document) : NULL;
    for (size_t i = 0; warnings && i < warnings->count; i++) {
        const struct document_warning *warning = &warnings->list[i];
        json_t *row = json_pack("{s:s, s:s}", "kind", warning_kind_name(warning->kind), "text", warning->detail);
        json_object_set_new(row, "page", warning->page > 0 ? json_integer(warning->page) : json_null());
        json_array_append_new(list, row);
    }
    json_object_set_new(object, "warnings", list);
    json_object_set_new(object, "warnings_left_out", json_integer(warnings ? warnings->left_out : 0));
}

/* Jansson refuses what JSON cannot say; the codec refuses NaN, so that this is only a safety net. */
static json_t *number(float value)
{
    return isfinite(value) ? json_real((double)value) : json_null();
}

static void add_info(json_t *object, const struct batch_file *file)
{
    const struct tab_info *info = &file->info;
    json_object_set_new(object, "format", file->has_info ? json_string(info->format) : json_null());
    json_object_set_new(object, "title", file->has_info ? json_string(info->title) : json_null());
    json_object_set_new(object, "page_count", file->has_info ? json_integer(info->page_count) : json_null());
    json_object_set_new(object, "page_width_pt", file->has_info ? number(info->page_width_pt) : json_null());
    json_object_set_new(object, "page_height_pt", file->has_info ? number(info->page_height_pt) : json_null());
    json_object_set_new(object, "reflowable", file->has_info ? json_boolean(info->reflowable) : json_null());
    json_object_set_new(object, "size",
                        file->document ? json_integer((json_int_t)document_size_bytes(file->document)) : json_null());
}

static json_t *file_json(const struct batch_file *file)
{
    json_t *object = json_object(), *pages = json_array(), *ends = json_array();
    json_name_set(object, "input", file->input);
    json_object_set_new(object, "status", json_string(file->error.code == EXIT_CODE_OK ? "ok" : "failed"));
    json_object_set_new(object, "error", error_json(&file->error));
    add_info(object, file);
    for (size_t i = 0; i < file->page_count; i++)
        json_array_append_new(pages, page_json(&file->pages[i]));
    for (size_t i = 0; i < file->end_count; i++)
        json_array_append_new(ends, end_json(&file->ends[i]));
    json_object_set_new(object, "pages", pages);
    json_object_set_new(object, "end", file->end_count ? end_json(&file->ends[0]) : json_null());
    json_object_set_new(object, "ends", ends);
    json_object_set_new(object, "grants", grants_json(file->document));
    add_warnings(object, file->document);
    return object;
}

static json_t *exit_code_json(int code)
{
    return json_pack("{s:i, s:s}", "code", code, "name", exit_code_name(code));
}

json_t *batch_report_json(struct batch *batch, int exit_code, uint64_t elapsed_ns)
{
    size_t count;
    const struct batch_file *files = batch_files(batch, &count);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, file_json(&files[i]));
    const struct broker *broker = batch_broker(batch);
    json_t *report = json_pack("{s:s, s:o, s:o, s:o, s:o, s:o}", "version", BULKHEAD_VERSION, "exit",
                               exit_code_json(exit_code), "error", error_json(batch_start_error(batch)), "sandbox",
                               cli_sandbox_json(broker), "elapsed_ms", milliseconds(elapsed_ns / 1000), "files", list);
    if (broker_options(broker)->audit)
        json_object_set_new(report, "audit", audit_json(broker_audit(broker)));
    return report;
}

int batch_report_print_audit(struct batch *batch, FILE *out, int exit_code)
{
    audit_print(broker_audit(batch_broker(batch)), out);
    return out == stdout ? cli_finish_stdout(exit_code) : exit_code;
}

json_t *batch_report_json_failed(const struct batch_error *error)
{
    return json_pack("{s:s, s:o, s:o, s:n, s:[]}", "version", BULKHEAD_VERSION, "exit",
                     exit_code_json((int)error->code), "error", error_json(error), "sandbox", "files");
}

int batch_report_print_json(json_t *report, int exit_code)
{
    if (!report) {
        cli_message("no memory for the report");
        return EXIT_CODE_INTERNAL;
    }
    json_dumpf(report, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(report);
    fputc('\n', stdout);
    return cli_finish_stdout(exit_code);
}

int batch_report_not_begun(struct batch_error *error, bool json)
{
    int code = (int)error->code;
    batch_report_start_error(stderr, error);
    if (json)
        code = batch_report_print_json(batch_report_json_failed(error), code);
    batch_error_clear(error);
    return code;
}
