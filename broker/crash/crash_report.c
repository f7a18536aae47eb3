#include "broker/crash/crash_report.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>

#include "broker/crash/exit_advice.h"
#include "broker/policy_file.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/text.h"

bool crash_report_is_due(const struct exit_report *end)
{
    return end->pid > 0 && exit_cause_is_bad(end->cause);
}

/* Of text that is escaped already; what does not fit goes by whole characters. */
static void copy(char *out, size_t out_bytes, const char *text)
{
    size_t left = text != NULL ? strlen(text) : 0, used = 0;
    uint32_t code_point;

    while (left > 0) {
        size_t n = text_decode(text + used, left, &code_point);
        if (n == 0 || used + n >= out_bytes)
            break;
        used += n;
        left -= n;
    }
    if (used > 0)
        memcpy(out, text, used);
    out[used] = '\0';
}
#define COPY(field, text) copy(field, sizeof(field), text)

static void escape(char *out, size_t out_bytes, const char *text)
{
    text_escape(out, out_bytes, text, strlen(text));
}
#define ESCAPE(field, text) escape(field, sizeof(field), text)

static uint64_t ms_since(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? (now_ns - then_ns) / 1000000 : 0;
}

static void take_circumstances(struct crash_report *report, const struct crash_report_facts *facts)
{
    struct utsname host;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    report->time_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    report->time_ms -= ms_since(facts->end->noticed_ns, clock_now_ns());
    COPY(report->bulkhead, BULKHEAD_VERSION);
    COPY(report->engine, facts->engine_version);
    if (uname(&host) == 0) { /* not its name, which is its owner's affair */
        ESCAPE(report->kernel, host.release);
        ESCAPE(report->kernel_build, host.version);
        ESCAPE(report->machine, host.machine);
    }
}

static void take_end(struct crash_report_end *to, const struct crash_report_facts *facts)
{
    const struct exit_report *end = facts->end;
    bool by_signal = end->wait_code != CLD_EXITED;

    COPY(to->cause, exit_cause_name(end->cause));
    COPY(to->summary, end->summary);
    to->renderer = end->renderer_id;
    to->pid = (uint64_t)end->pid;
    to->lived_ms = facts->lived_ms;
    if (by_signal)
        COPY(to->signal, crash_signal_name(end->wait_status));
    to->status = by_signal ? -1 : end->wait_status;
    to->dumped_core = end->wait_code == CLD_DUMPED;
    if (end->kill_reason != KILL_NONE)
        COPY(to->killed_for, kill_reason_name(end->kill_reason));
    if (end->violation != VIOLATION_NONE)
        COPY(to->violation, violation_name(end->violation));
    if (end->oom.kind != OOM_NONE)
        COPY(to->oom_kill, oom_kind_name(end->oom.kind));
    to->oom_limit_bytes = end->oom.limit_bytes;
    to->oom_frame_bytes = end->oom.frame_bytes;
}

const char *crash_report_module_name(const struct crash_report_module *module)
{
    const char *slash = strrchr(module->path, '/');

    return slash != NULL ? slash + 1 : module->path;
}

void crash_report_locate(const struct crash_report *report, uint64_t address, char *out, size_t out_bytes)
{
    char name[64];

    out[0] = '\0';
    for (size_t i = 0; i < report->module_count; i++) {
        const struct crash_report_module *module = &report->modules[i];
        if (address < module->start || address >= module->end)
            continue;
        COPY(name, crash_report_module_name(module));
        snprintf(out, out_bytes, "%s+0x%llx", name, (unsigned long long)(address - module->load_bias));
        return;
    }
}

static void take_event(struct crash_report_word *word, const struct crash_record *record)
{
    bool has_signal = record->kind == CRASH_SIGNAL || record->kind == CRASH_SYSCALL;

    COPY(word->kind, crash_kind_name(record->kind));
    if (has_signal)
        COPY(word->signal, crash_signal_name(record->signal));
    if (has_signal)
        COPY(word->reason, crash_code_text(record->signal, record->code));
    word->has_address = crash_has_address(record);
    word->address = word->has_address ? record->fault_address : 0;
    word->has_syscall = record->kind == CRASH_SYSCALL;
    if (word->has_syscall) {
        COPY(word->syscall, crash_syscall_name(record->syscall_arch, record->syscall_number));
        word->argument_count = sizeof word->arguments / sizeof word->arguments[0];
        memcpy(word->arguments, record->syscall_arguments, sizeof word->arguments);
    }
    word->thread = record->thread_id;
    word->requested_bytes = record->kind == CRASH_OUT_OF_MEMORY ? record->requested_bytes : 0;
    text_escape(word->step, sizeof word->step, record->note, strnlen(record->note, sizeof record->note));
}

static void take_advice(struct crash_report_word *word, const struct exit_report *end)
{
    struct exit_advice advice;

    exit_advice_fill(&advice, end);
    word->has_advice = advice.row[0] != '\0';
    if (!word->has_advice)
        return;
    ESCAPE(word->advice_row, advice.row);
    ESCAPE(word->advice_file, exit_advice_file());
    ESCAPE(word->advice_opens, advice.opens);
}

/* The counts were checked by crash_record_validate(). */
static void take_word(struct crash_report *report, const struct exit_report *end)
{
    struct crash_report_word *word = &report->word;
    const struct crash_record *record = &end->record;

    report->has_word = true;
    take_event(word, record);
    take_advice(word, end);
    word->register_count = record->register_count;
    for (uint32_t i = 0; i < record->register_count; i++) {
        crash_register_name(i, word->registers[i].name, sizeof word->registers[i].name);
        word->registers[i].value = record->registers[i];
    }
    word->code_bytes = record->code_count;
    memcpy(word->code, record->code_bytes, record->code_count);
    word->frame_count = record->frame_count;
    for (uint32_t i = 0; i < record->frame_count; i++) {
        struct crash_report_frame *frame = &word->frames[i];
        frame->address = record->frames[i];
        crash_report_locate(report, frame->address, frame->where, sizeof frame->where);
    }
}

static void take_modules(struct crash_report *report, const struct crash_report_facts *facts)
{
    report->module_count = facts->module_count < LIMIT_MODULES ? facts->module_count : LIMIT_MODULES;
    for (size_t i = 0; i < report->module_count; i++) {
        const struct symbolise_module *from = &facts->modules[i];
        struct crash_report_module *to = &report->modules[i];
        ESCAPE(to->path, from->path);
        to->start = from->start;
        to->end = from->end;
        to->load_bias = from->base;
        to->build_id_bytes = from->build_id_bytes;
        memcpy(to->build_id, from->build_id, from->build_id_bytes);
    }
}

static void take_messages(struct crash_report *report, const struct crash_report_facts *facts)
{
    struct message_ring_entry entries[MESSAGE_RING_LISTED];

    report->message_count = message_ring_list(facts->messages, entries);
    for (size_t i = 0; i < report->message_count; i++) {
        const struct message_ring_entry *from = &entries[i];
        const struct codec *codec = from->is_upward ? &codec_to_broker : &codec_to_renderer;
        struct crash_report_message *to = &report->messages[i];
        COPY(to->direction, codec->name);
        COPY(to->name, codec_type_name(codec, from->type));
        to->request = from->request_id;
        to->count = from->count;
        to->bytes = from->bytes;
        to->fds = from->fds;
        /* Last words are read after the end was noticed. */
        uint64_t end_ns = facts->end->noticed_ns;
        to->before_end_us = end_ns > from->at_ns ? (end_ns - from->at_ns) / 1000 : 0;
        if (from->violation != VIOLATION_NONE)
            COPY(to->refused, violation_name(from->violation));
    }
}

/* From 1; 0 for what is of no page. */
static uint64_t page_of(const struct request *request)
{
    switch (request->type) {
    case BULKHEAD__TO_RENDERER__MESSAGE_MEASURE:
    case BULKHEAD__TO_RENDERER__MESSAGE_PAINT:
    case BULKHEAD__TO_RENDERER__MESSAGE_SCROLL:
        return (uint64_t)request->page + 1;
    default:
        return 0;
    }
}

static void take_requests(struct crash_report *report, const struct crash_report_facts *facts)
{
    uint64_t end_ms = facts->end->noticed_ns / 1000000;

    for (size_t i = 0; i < REQUESTS_OPEN; i++) {
        const struct request *from = &facts->requests->open[i];
        struct crash_report_request *to = &report->requests[report->request_count];
        if (from->id == 0)
            continue;
        COPY(to->name, codec_type_name(&codec_to_renderer, from->type));
        to->id = from->id;
        to->page = page_of(from);
        to->age_ms = end_ms > from->sent_ms ? end_ms - from->sent_ms : 0;
        report->request_count++;
    }
}

static void take_layers(struct crash_report *report, const struct crash_report_facts *facts)
{
    for (size_t i = 0; i < facts->layer_count && report->layer_count < CRASH_REPORT_LAYERS; i++) {
        const struct layer_status *from = &facts->layers[i];
        struct crash_report_layer *to = &report->layers[report->layer_count];
        if (!from->known)
            continue;
        COPY(to->name, layer_name(from->layer));
        COPY(to->error, from->error != 0 ? strerrorname_np(from->error) : NULL);
        COPY(to->evidence, from->evidence);
        to->in_force = from->in_force;
        to->is_optional = layer_is_optional(from->layer);
        report->layer_count++;
    }
}

static void take_limits(struct crash_report_limits *to, const struct crash_report_facts *facts)
{
    *to = (struct crash_report_limits){
        .memory_bytes = facts->memory_limit_bytes,
        .request_ms = facts->limits->request_ms,
        .ping_interval_ms = facts->limits->ping_interval_ms,
        .unresponsive_ms = facts->limits->unresponsive_ms,
        .hung_ms = facts->limits->hung_ms,
        .messages_per_second = facts->policy->messages_per_second,
        .files_allowed =
            facts->policy->files_allowed && facts->document != NULL && document_directory_fd(facts->document) >= 0,
        .file_bytes = facts->policy->file_limit_bytes,
        .files = facts->policy->files_per_document,
    };
}

static void take_document(struct crash_report *report, const struct crash_report_facts *facts)
{
    struct crash_report_document *to = &report->document;
    const char *location = document_location(facts->document);

    report->has_document = true;
    ESCAPE(to->given, strcmp(location, "-") == 0 ? "standard input" : location);
    COPY(to->format, facts->format);
    to->bytes = document_size_bytes(facts->document);
}

struct crash_report *crash_report_gather(const struct crash_report_facts *facts)
{
    struct crash_report *report = calloc(1, sizeof *report);

    if (report == NULL)
        return NULL;
    take_circumstances(report, facts);
    take_end(&report->end, facts);
    take_modules(report, facts);
    if (facts->end->has_record)
        take_word(report, facts->end);
    take_messages(report, facts);
    take_requests(report, facts);
    take_layers(report, facts);
    take_limits(&report->limits, facts);
    if (facts->document != NULL)
        take_document(report, facts);
    return report;
}

void crash_report_free(struct crash_report *report)
{
    if (report == NULL)
        return;
    free(report->backtrace);
    free(report);
}
