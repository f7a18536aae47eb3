#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crash/crash_report.h"
#include "broker/crash/json_fields.h"
#include "common/text.h"

static const char format_name[] = "bulkhead crash report";

#define FIELD(type, member, label, field_kind)                                                                         \
    {                                                                                                                  \
        .name = label, .kind = JSON_FIELD_##field_kind, .offset = offsetof(struct type, member)                        \
    }
#define TEXT(type, member, label)                                                                                      \
    {                                                                                                                  \
        .name = label, .kind = JSON_FIELD_TEXT, .offset = offsetof(struct type, member),                               \
        .capacity = sizeof(((struct type *)0)->member)                                                                 \
    }
/* `member`[], of which `count` are there. */
#define MANY(type, member, count, label, field_kind, of)                                                               \
    {                                                                                                                  \
        .name = label, .kind = JSON_FIELD_##field_kind, .offset = offsetof(struct type, member),                       \
        .capacity = sizeof(((struct type *)0)->member) / sizeof(((struct type *)0)->member[0]),                        \
        .count_offset = offsetof(struct type, count), .stride = sizeof(((struct type *)0)->member[0]), .inner = of     \
    }
/* Null unless `flag`. */
#define IF(type, flag, label, field_kind, member_offset, of)                                                           \
    {                                                                                                                  \
        .name = label, .kind = JSON_FIELD_##field_kind, .has_presence = true,                                          \
        .presence_offset = offsetof(struct type, flag), .offset = member_offset, .inner = of                           \
    }

static const struct json_field end_fields[] = {
    TEXT(crash_report_end, cause, "cause"),
    TEXT(crash_report_end, summary, "summary"),
    FIELD(crash_report_end, renderer, "renderer", NUMBER),
    FIELD(crash_report_end, pid, "pid", NUMBER),
    FIELD(crash_report_end, lived_ms, "lived_ms", NUMBER),
    TEXT(crash_report_end, signal, "signal"),
    FIELD(crash_report_end, status, "status", OPTIONAL),
    FIELD(crash_report_end, dumped_core, "dumped_core", FLAG),
    TEXT(crash_report_end, killed_for, "killed_for"),
    TEXT(crash_report_end, violation, "violation"),
    TEXT(crash_report_end, oom_kill, "oom_kill"),
    FIELD(crash_report_end, oom_limit_bytes, "oom_limit_bytes", NUMBER),
    FIELD(crash_report_end, oom_frame_bytes, "oom_frame_bytes", NUMBER),
    {0},
};

static const struct json_field hex_element = {.kind = JSON_FIELD_HEX, .name = "argument"};

static const struct json_field syscall_fields[] = {
    TEXT(crash_report_word, syscall, "name"),
    MANY(crash_report_word, arguments, argument_count, "arguments", LIST, &hex_element),
    {0},
};

static const struct json_field advice_fields[] = {
    TEXT(crash_report_word, advice_row, "add"),
    TEXT(crash_report_word, advice_file, "to"),
    TEXT(crash_report_word, advice_opens, "opens"),
    {0},
};

static const struct json_field register_fields[] = {
    TEXT(crash_report_register, name, "name"),
    FIELD(crash_report_register, value, "register", HEX),
    {0},
};

static const struct json_field frame_fields[] = {
    FIELD(crash_report_frame, address, "address", HEX),
    TEXT(crash_report_frame, where, "where"),
    {0},
};
static const struct json_field frame_element = {.kind = JSON_FIELD_OBJECT, .name = "frame", .inner = frame_fields};

static const struct json_field word_fields[] = {
    TEXT(crash_report_word, kind, "kind"),
    TEXT(crash_report_word, signal, "signal"),
    TEXT(crash_report_word, reason, "reason"),
    IF(crash_report_word, has_address, "address", HEX, offsetof(struct crash_report_word, address), NULL),
    IF(crash_report_word, has_syscall, "syscall", OBJECT, 0, syscall_fields),
    IF(crash_report_word, has_advice, "policy_advice", OBJECT, 0, advice_fields),
    FIELD(crash_report_word, thread, "thread", OPTIONAL),
    TEXT(crash_report_word, step, "step"),
    FIELD(crash_report_word, requested_bytes, "requested_bytes", NUMBER),
    MANY(crash_report_word, registers, register_count, "registers", NAMED, register_fields),
    MANY(crash_report_word, code, code_bytes, "code", BYTES, NULL),
    MANY(crash_report_word, frames, frame_count, "frames", LIST, &frame_element),
    {0},
};

static const struct json_field document_fields[] = {
    TEXT(crash_report_document, given, "given"),         TEXT(crash_report_document, format, "format"),
    FIELD(crash_report_document, bytes, "size", NUMBER), TEXT(crash_report_document, sha256, "sha256"),
    TEXT(crash_report_document, no_sha256, "no_sha256"), {0},
};

static const struct json_field module_fields[] = {
    TEXT(crash_report_module, path, "path"),
    MANY(crash_report_module, build_id, build_id_bytes, "build_id", BYTES, NULL),
    FIELD(crash_report_module, start, "start", HEX),
    FIELD(crash_report_module, end, "end", HEX),
    FIELD(crash_report_module, load_bias, "load_bias", HEX),
    {0},
};
static const struct json_field module_element = {.kind = JSON_FIELD_OBJECT, .name = "module", .inner = module_fields};

static const struct json_field message_fields[] = {
    TEXT(crash_report_message, direction, "direction"),
    TEXT(crash_report_message, name, "message"),
    FIELD(crash_report_message, request, "request", NUMBER),
    FIELD(crash_report_message, count, "count", NUMBER),
    FIELD(crash_report_message, bytes, "bytes", NUMBER),
    FIELD(crash_report_message, fds, "fds", NUMBER),
    FIELD(crash_report_message, before_end_us, "before_end_us", NUMBER),
    TEXT(crash_report_message, refused, "refused"),
    {0},
};
static const struct json_field message_element = {
    .kind = JSON_FIELD_OBJECT, .name = "message", .inner = message_fields};

static const struct json_field request_fields[] = {
    TEXT(crash_report_request, name, "message"),
    FIELD(crash_report_request, id, "request", NUMBER),
    FIELD(crash_report_request, page, "page", NUMBER),
    FIELD(crash_report_request, age_ms, "age_ms", NUMBER),
    {0},
};
static const struct json_field request_element = {
    .kind = JSON_FIELD_OBJECT, .name = "request", .inner = request_fields};

static const struct json_field layer_fields[] = {
    TEXT(crash_report_layer, name, "name"),
    FIELD(crash_report_layer, in_force, "in_force", FLAG),
    FIELD(crash_report_layer, is_optional, "optional", FLAG),
    TEXT(crash_report_layer, error, "error"),
    TEXT(crash_report_layer, evidence, "evidence"),
    {0},
};
static const struct json_field layer_element = {.kind = JSON_FIELD_OBJECT, .name = "layer", .inner = layer_fields};

static const struct json_field limit_fields[] = {
    FIELD(crash_report_limits, memory_bytes, "memory_bytes", NUMBER),
    FIELD(crash_report_limits, request_ms, "request_ms", NUMBER),
    FIELD(crash_report_limits, ping_interval_ms, "ping_interval_ms", NUMBER),
    FIELD(crash_report_limits, unresponsive_ms, "unresponsive_ms", NUMBER),
    FIELD(crash_report_limits, hung_ms, "hung_ms", NUMBER),
    FIELD(crash_report_limits, messages_per_second, "messages_per_second", NUMBER),
    FIELD(crash_report_limits, files_allowed, "files_allowed", FLAG),
    FIELD(crash_report_limits, file_bytes, "file_bytes", NUMBER),
    FIELD(crash_report_limits, files, "files", NUMBER),
    {0},
};

static const struct json_field report_fields[] = {
    FIELD(crash_report, time_ms, "time", TIME),
    TEXT(crash_report, bulkhead, "bulkhead"),
    TEXT(crash_report, engine, "engine"),
    TEXT(crash_report, kernel, "kernel"),
    TEXT(crash_report, kernel_build, "kernel_build"),
    TEXT(crash_report, machine, "machine"),
    {.name = "end", .kind = JSON_FIELD_OBJECT, .offset = offsetof(struct crash_report, end), .inner = end_fields},
    IF(crash_report, has_document, "document", OBJECT, offsetof(struct crash_report, document), document_fields),
    IF(crash_report, has_word, "renderer_said", OBJECT, offsetof(struct crash_report, word), word_fields),
    {.name = "backtrace",
     .kind = JSON_FIELD_LINES,
     .offset = offsetof(struct crash_report, backtrace),
     .capacity = CRASH_REPORT_BACKTRACE_BYTES},
    MANY(crash_report, modules, module_count, "modules", LIST, &module_element),
    MANY(crash_report, messages, message_count, "messages", LIST, &message_element),
    MANY(crash_report, requests, request_count, "unanswered", LIST, &request_element),
    MANY(crash_report, layers, layer_count, "sandbox", LIST, &layer_element),
    {.name = "limits",
     .kind = JSON_FIELD_OBJECT,
     .offset = offsetof(struct crash_report, limits),
     .inner = limit_fields},
    {0},
};

json_t *crash_report_json(const struct crash_report *report)
{
    json_t *head = json_pack("{s:s, s:i}", "format", format_name, "schema", CRASH_REPORT_SCHEMA);
    json_t *body = json_fields_encode(report_fields, report);

    if (head == NULL || body == NULL || json_object_update(head, body) < 0) {
        json_decref(head);
        head = NULL;
    }
    json_decref(body);
    return head;
}

static int check_head(const json_t *root, char *ret_why, size_t why_bytes)
{
    const char *format = json_string_value(json_object_get(root, "format"));
    const json_t *schema = json_object_get(root, "schema");

    if (format == NULL || strcmp(format, format_name) != 0) {
        snprintf(ret_why, why_bytes, "it is not a crash report");
        return -EINVAL;
    }
    if (!json_is_integer(schema) || json_integer_value(schema) != CRASH_REPORT_SCHEMA) {
        snprintf(ret_why, why_bytes, "another version of bulkhead wrote it");
        return -EINVAL;
    }
    return 0;
}

int crash_report_parse(const void *data, size_t size_bytes, struct crash_report **ret_report, char *ret_why,
                       size_t why_bytes)
{
    json_error_t problem;

    if (size_bytes == 0) {
        snprintf(ret_why, why_bytes, "it is empty");
        return -EINVAL;
    }
    json_t *root = json_loadb(data, size_bytes, JSON_REJECT_DUPLICATES, &problem);

    if (root == NULL) {
        char shown[JSON_ERROR_TEXT_LENGTH];
        text_escape(shown, sizeof shown, problem.text, strlen(problem.text));
        snprintf(ret_why, why_bytes, "no JSON, line %d: %s", problem.line, shown);
        return -EINVAL;
    }
    struct crash_report *report = calloc(1, sizeof *report);
    int r = report != NULL ? check_head(root, ret_why, why_bytes) : -ENOMEM;
    if (r == 0)
        r = json_fields_decode(report_fields, root, report, ret_why, why_bytes);
    json_decref(root);
    if (r < 0)
        crash_report_free(report);
    else
        *ret_report = report;
    return r;
}
