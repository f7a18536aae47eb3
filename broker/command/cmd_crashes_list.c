#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/command/batch_report.h"
#include "broker/command/cli.h"
#include "broker/command/cmd_crashes_private.h"
#include "broker/command/exit_codes.h"
#include "common/text.h"

enum {
    DOCUMENT_COLUMNS = 24, /* at most */
    WHEN_COLUMNS = 16,
    GAP_COLUMNS = 2,
};

/* In the user's time, to the minute. */
static void format_when(uint64_t time_ms, char *out, size_t out_bytes)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm local = {0};
    localtime_r(&seconds, &local);
    strftime(out, out_bytes, "%Y-%m-%d %H:%M", &local);
}

static const char *last_component(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

/* A report as list shows it. */
struct crashes_line {
    uint32_t number;
    char when[32];
    char *name, *words; // owned: of the document, clipped; how it ended, or why it cannot be read
};

static void free_lines(struct crashes_line *lines, size_t count)
{
    for (size_t i = 0; lines && i < count; i++) {
        free(lines[i].name);
        free(lines[i].words);
    }
    free(lines);
}

static bool make_line(const struct crashes_row *row, struct crashes_line *ret_line)
{
    char name[1024 + 3] = "-", words[sizeof(row->report->end.summary) + sizeof(row->why)];
    const struct crash_report *report = row->report;
    struct crashes_line line = {.number = row->number, .when = "-"};
    if (report) {
        format_when(report->time_ms, line.when, sizeof(line.when));
        if (report->has_document)
            text_clip(name, last_component(report->document.given), DOCUMENT_COLUMNS);
        snprintf(words, sizeof(words), "%s", report->end.summary);
    } else {
        snprintf(words, sizeof(words), "cannot be read: %s", row->why);
    }
    line.name = strdup(name);
    line.words = strdup(words);
    *ret_line = line;
    return line.name && line.words;
}

/* Owned by the caller (free_lines); NULL without memory. */
static struct crashes_line *make_lines(const struct crashes_run *run, const uint32_t *numbers, size_t count)
{
    struct crashes_line *lines = calloc(count > 0 ? count : 1, sizeof(*lines));
    bool is_short = !lines;
    for (size_t i = 0; !is_short && i < count; i++) {
        struct crashes_row row;
        cmd_crashes_read_row(run, numbers[i], &row);
        is_short = !make_line(&row, &lines[i]);
        crash_report_free(row.report);
    }
    if (!is_short)
        return lines;
    free_lines(lines, count);
    return NULL;
}

/* No column is wider than what is in it. */
static void print_lines(const struct crashes_line *lines, size_t count)
{
    size_t names = 0, columns = cmd_crashes_columns();
    int digits = count > 0 ? snprintf(NULL, 0, "%u", lines[count - 1].number) : 0;
    for (size_t i = 0; i < count; i++) {
        size_t width = text_columns(lines[i].name);
        names = width > names ? width : names;
    }
    size_t before = (size_t)digits + WHEN_COLUMNS + names + 3 * GAP_COLUMNS;
    for (size_t i = 0; i < count; i++) {
        char words[512 + 3];
        const struct crashes_line *line = &lines[i];
        text_clip(words, line->words, columns - before);
        printf("%*u  %-*s  %s%*s  %s\n", digits, line->number, WHEN_COLUMNS, line->when, line->name,
               (int)(names - text_columns(line->name)), "", words);
    }
}

/* What a list needs to say; all of it is for show. */
static json_t *summary_json(const struct crashes_run *run, const struct crashes_row *row)
{
    static const char *const keys[] = {"number", "path", "error", "time", "end", "document"};
    json_t *whole = cmd_crashes_row_json(run, row), *summary = whole ? json_object() : NULL;
    for (size_t i = 0; summary && i < sizeof(keys) / sizeof(keys[0]); i++) {
        json_t *value = json_object_get(whole, keys[i]);
        json_object_set(summary, keys[i], value ? value : json_null());
    }
    json_decref(whole);
    return summary;
}

static int print_list_json(const struct crashes_run *run, const uint32_t *numbers, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct crashes_row row;
        cmd_crashes_read_row(run, numbers[i], &row);
        json_array_append_new(list, summary_json(run, &row));
        crash_report_free(row.report);
    }
    const char *directory = run->store ? crash_store_directory(run->store) : NULL;
    return batch_report_print_json(
        json_pack("{s:s, s:s?, s:o}", "version", BULKHEAD_VERSION, "directory", directory, "reports", list),
        EXIT_CODE_OK);
}

static int print_list(const struct crashes_run *run, const uint32_t *numbers, size_t count)
{
    uint64_t bytes = 0;
    char size[32];
    if (run->json)
        return print_list_json(run, numbers, count);
    struct crashes_line *lines = make_lines(run, numbers, count);
    if (!lines) {
        cli_message("no memory for the list");
        return EXIT_CODE_INTERNAL;
    }
    print_lines(lines, count);
    free_lines(lines, count);
    for (size_t i = 0; i < count; i++)
        bytes += crash_store_size_bytes(run->store, numbers[i]);
    text_format_bytes(size, sizeof(size), bytes);
    if (count == 0)
        printf("no crash reports\n");
    else
        printf("%zu crash report%s, %s, in %s\n", count, count == 1 ? "" : "s", size,
               crash_store_directory(run->store));
    return cli_finish_stdout(EXIT_CODE_OK);
}

int cmd_crashes_list(struct crashes_run *run)
{
    uint32_t *numbers;
    size_t count;
    int r = cmd_crashes_numbers(run, &numbers, &count);
    int code = r < 0 ? cmd_crashes_say_errno(r) : print_list(run, numbers, count);
    free(numbers);
    return code;
}
