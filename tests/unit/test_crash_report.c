/* Crash reports as data: gathered, shown, written as JSON, and read from what anybody may have written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/crash/crash_report.h"
#include "broker/policy_file.h"
#include "common/clock.h"
#include "common/codec.h"
#include "common/text.h"
#include "tests/support/crash_report_seed.h"
#include "tests/support/scratch.h"

enum { RIP = 0x5000100, MODULE_START = 0x5000000, MODULE_END = 0x5100000 };

/* Everything a report is gathered from, and the report. */
struct fixture {
    void *scratch;
    struct exit_report end;
    struct symbolise_module modules[2];
    struct message_ring ring;
    struct requests requests;
    struct watchdog_limits limits;
    struct policy policy;
    struct layer_status layers[2];
    struct document *document;
    struct crash_report_facts facts;
    struct crash_report *report;
};

static void add_message(struct fixture *f, bool is_upward, unsigned type, uint64_t request_id, uint64_t before_end_ns)
{
    message_ring_add(&f->ring, &(struct message_ring_entry){.is_upward = is_upward,
                                                            .type = type,
                                                            .request_id = request_id,
                                                            .at_ns = f->end.noticed_ns - before_end_ns,
                                                            .bytes = 17});
}

static void make_record(struct crash_record *record)
{
    *record = (struct crash_record){
        .magic = CRASH_RECORD_MAGIC,
        .version = CRASH_RECORD_VERSION,
        .kind = CRASH_SIGNAL,
        .signal = SIGSEGV,
        .code = 1,
        .fault_address = 0xdeadbeef,
        .thread_id = 4,
        .frame_count = 2,
        .frames = {RIP, 0x77},
        .instruction_pointer = RIP,
        .register_count = 17,
        .code_count = 4,
        .code_bytes = {0xc6, 0x07, 0xff, 0xc3},
        .note = "layout \033[2J",
        .stack_count = CRASH_STACK_BYTES,
    };
    for (uint64_t i = 0; i < 17; i++)
        record->registers[i] = 0x1000 + i;
    record->registers[16] = RIP;
    memset(record->stack, 0xa7, sizeof record->stack); /* what must not be kept */
}

static void make_end(struct exit_report *end)
{
    *end = (struct exit_report){
        .cause = EXIT_CAUSE_CRASHED,
        .renderer_id = 3,
        .pid = 812,
        .wait_code = CLD_KILLED,
        .wait_status = SIGSEGV,
        .has_record = true,
        .noticed_ns = clock_now_ns(),
        .summary = "crashed: SIGSEGV (address not mapped) at 0xdeadbeef",
    };
    make_record(&end->record);
}

static void make_module(struct symbolise_module *module, const char *path, uint64_t start, uint64_t end)
{
    *module = (struct symbolise_module){.base = start, .start = start, .end = end};
    snprintf(module->path, sizeof module->path, "%s", path);
    for (uint32_t i = 0; i < 20; i++)
        module->build_id[module->build_id_bytes++] = (uint8_t)(0xa0 + i);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char path[SCRATCH_PATH];
    assert_int_equal(scratch_make(&f->scratch), 0);
    make_end(&f->end);
    make_module(&f->modules[0], "/opt/bulkhead/bulkhead-renderer", MODULE_START, MODULE_END);
    make_module(&f->modules[1], "/lib/lib\033[31m.so", 0x7000, 0x8000);
    f->modules[1].build_id_bytes = 0;
    add_message(f, false, BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE, 1, 5000000);
    add_message(f, true, BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, 1, 3000000);
    add_message(f, false, BULKHEAD__TO_RENDERER__MESSAGE_PAINT, UINT64_MAX, 1500000);
    message_ring_refuse(&f->ring, VIOLATION_OVERSIZED_MESSAGE, true, f->end.noticed_ns + 1000);
    requests_init(&f->requests);
    uint64_t id = requests_open(&f->requests, BULKHEAD__TO_RENDERER__MESSAGE_PAINT, false, clock_now_ms());
    requests_set_page(&f->requests, id, 6);
    policy_init_defaults(&f->policy);
    f->limits = (struct watchdog_limits){1000, 3000, 5000, 30000, false};
    f->layers[0] =
        (struct layer_status){.layer = BULKHEAD__LAYER_FACT__LAYER__SECCOMP, .known = true, .in_force = true};
    f->layers[1] = (struct layer_status){.layer = BULKHEAD__LAYER_FACT__LAYER__SPECULATION_CONTROL,
                                         .known = true,
                                         .error = ENXIO,
                                         .evidence = "no such control"};
    scratch_write(&f->scratch, "\033[2Jname.pdf", "%PDF", 4);
    assert_int_equal(document_open(scratch_path(&f->scratch, "\033[2Jname.pdf", path), &f->document), DOCUMENT_OK);
    f->facts = (struct crash_report_facts){.end = &f->end,
                                           .lived_ms = 1234,
                                           .modules = f->modules,
                                           .module_count = 2,
                                           .messages = &f->ring,
                                           .requests = &f->requests,
                                           .limits = &f->limits,
                                           .memory_limit_bytes = 256 << 20,
                                           .policy = &f->policy,
                                           .layers = f->layers,
                                           .layer_count = 2,
                                           .engine_version = "MuPDF 1.21.1",
                                           .document = f->document,
                                           .format = "PDF"};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    crash_report_free(f->report);
    document_unref(f->document);
    scratch_remove(&f->scratch);
    free(f);
    return 0;
}

static struct crash_report *gather(struct fixture *f)
{
    crash_report_free(f->report);
    f->report = crash_report_gather(&f->facts);
    assert_non_null(f->report);
    return f->report;
}

static char *dump(const struct crash_report *report)
{
    json_t *object = crash_report_json(report);
    assert_non_null(object);
    char *text = json_dumps(object, JSON_INDENT(2));
    json_decref(object);
    assert_non_null(text);
    return text;
}

static void every_bad_end_is_worth_a_report_and_no_other(void **state)
{
    static const bool is_due[EXIT_CAUSE_COUNT] = {
        [EXIT_CAUSE_CRASHED] = true, [EXIT_CAUSE_SANDBOX_VIOLATION] = true, [EXIT_CAUSE_OUT_OF_MEMORY] = true,
        [EXIT_CAUSE_HUNG] = true,    [EXIT_CAUSE_BAD_MESSAGE] = true,       [EXIT_CAUSE_UNEXPECTED_EXIT] = true,
        [EXIT_CAUSE_CLEAN] = false,  [EXIT_CAUSE_KILLED_BY_BROKER] = false,
    };
    (void)state;
    for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++) {
        struct exit_report end = {.cause = (enum exit_cause)cause, .pid = 7};
        assert_int_equal(crash_report_is_due(&end), is_due[cause]);
        end.pid = 0; /* what never was a process has not ended */
        assert_false(crash_report_is_due(&end));
    }
}

static void tells_end_document_and_circumstances(void **state)
{
    struct fixture *f = *state;
    const struct crash_report *report = gather(f);
    assert_string_equal(report->end.cause, "crashed");
    assert_string_equal(report->end.signal, "SIGSEGV");
    assert_int_equal(report->end.status, -1);
    assert_int_equal(report->end.pid, 812);
    assert_int_equal(report->end.lived_ms, 1234);
    assert_string_equal(report->end.killed_for, "");
    assert_true(report->has_document);
    assert_non_null(strstr(report->document.given, "\\x1b[2Jname.pdf"));
    assert_int_equal(report->document.bytes, 4);
    assert_string_equal(report->document.format, "PDF");
    assert_string_equal(report->bulkhead, BULKHEAD_VERSION);
    assert_true(report->kernel[0] != '\0' && report->machine[0] != '\0');
    assert_int_equal(report->layer_count, 2);
    assert_string_equal(report->layers[1].name, "speculation-control");
    assert_string_equal(report->layers[1].error, "ENXIO");
    assert_false(report->layers[1].in_force);
    assert_int_equal(report->limits.memory_bytes, 256 << 20);
    assert_true(report->limits.files_allowed);
    document_disable_files(f->document);
    assert_false(gather(f)->limits.files_allowed);
    f->facts.document = NULL;
    assert_false(gather(f)->has_document);
}

static void tells_why_the_broker_or_the_oom_killer_ended_it(void **state)
{
    struct fixture *f = *state;
    f->end.cause = EXIT_CAUSE_BAD_MESSAGE;
    f->end.wait_status = SIGKILL;
    f->end.kill_reason = KILL_BAD_MESSAGE;
    f->end.violation = VIOLATION_OVERSIZED_MESSAGE;
    f->end.has_record = false;
    const struct crash_report *report = gather(f);
    assert_string_equal(report->end.killed_for, "bad message");
    assert_string_equal(report->end.violation, "oversized message");
    assert_false(report->has_word);
    f->end.kill_reason = KILL_NONE;
    f->end.violation = VIOLATION_NONE;
    f->end.oom = (struct oom_verdict){.kind = OOM_OWN_LIMIT, .limit_bytes = 1 << 20, .frame_bytes = 4096};
    report = gather(f);
    assert_string_equal(report->end.oom_kill, "own limit");
    assert_int_equal(report->end.oom_limit_bytes, 1 << 20);
    f->end.wait_code = CLD_EXITED;
    f->end.wait_status = 9;
    report = gather(f);
    assert_string_equal(report->end.signal, "");
    assert_int_equal(report->end.status, 9);
}

static void every_reason_fits_its_place(void **state)
{
    struct fixture *f = *state;
    for (int violation = 1; violation < VIOLATION_COUNT; violation++) {
        f->end.violation = (enum violation)violation;
        assert_string_equal(gather(f)->end.violation, violation_name(f->end.violation));
    }
    for (int reason = KILL_HUNG; reason <= KILL_TIMEOUT; reason++) {
        f->end.kill_reason = (enum kill_reason)reason;
        assert_string_equal(gather(f)->end.killed_for, kill_reason_name(f->end.kill_reason));
    }
    for (int kind = OOM_OWN_LIMIT; kind <= OOM_HOST; kind++) {
        f->end.oom.kind = (enum oom_kind)kind;
        assert_string_equal(gather(f)->end.oom_kill, oom_kind_name(f->end.oom.kind));
    }
    unsigned types[CODEC_TYPES];
    for (size_t i = 0; i < codec_types(&codec_to_broker, types); i++) {
        f->ring = (struct message_ring){0};
        add_message(f, true, types[i], 0, 1);
        assert_string_equal(gather(f)->messages[0].name, codec_type_name(&codec_to_broker, types[i]));
    }
}

static void keeps_the_renderers_word_apart_and_locates_its_addresses(void **state)
{
    const struct crash_report *report = gather(*state);
    char where[96];
    assert_true(report->has_word);
    assert_string_equal(report->word.kind, "signal");
    assert_string_equal(report->word.reason, "address not mapped");
    assert_true(report->word.has_address);
    assert_int_equal(report->word.address, 0xdeadbeef);
    assert_string_equal(report->word.step, "layout \\x1b[2J");
    assert_int_equal(report->word.register_count, 17);
#if defined(__x86_64__)
    assert_string_equal(report->word.registers[16].name, "rip");
#endif
    assert_int_equal(report->word.registers[16].value, RIP);
    assert_int_equal(report->word.frame_count, 2);
    assert_string_equal(report->word.frames[0].where, "bulkhead-renderer+0x100");
    assert_string_equal(report->word.frames[1].where, "");
    crash_report_locate(report, MODULE_END - 1, where, sizeof where);
    assert_string_equal(where, "bulkhead-renderer+0xfffff");
    crash_report_locate(report, MODULE_END, where, sizeof where);
    assert_string_equal(where, "");
    crash_report_locate(report, 0x7001, where, sizeof where);
    assert_string_equal(where, "lib\\x1b[31m.so+0x1");
    assert_int_equal(report->modules[0].build_id_bytes, 20);
}

static void a_refused_system_call_comes_with_the_row_that_would_allow_it(void **state)
{
    struct fixture *f = *state;
    f->end.cause = EXIT_CAUSE_SANDBOX_VIOLATION;
    f->end.record.kind = CRASH_SYSCALL;
    f->end.record.signal = SIGSYS;
#if defined(__x86_64__)
    f->end.record.syscall_arch = 0xc000003e;
    f->end.record.syscall_number = 41;
    f->end.record.syscall_arguments[1] = UINT64_MAX;
    const struct crash_report *report = gather(f);
    assert_true(report->word.has_syscall);
    assert_string_equal(report->word.syscall, "socket");
    assert_int_equal(report->word.argument_count, 6);
    assert_true(report->word.has_advice);
    assert_non_null(strstr(report->word.advice_row, "socket"));
    char *text = dump(report);
    assert_non_null(strstr(text, "\"0xffffffffffffffff\""));
    free(text);
#endif
    assert_false(gather(f)->word.has_address);
}

static void lists_messages_by_name_direction_and_time_before_the_end(void **state)
{
    const struct crash_report *report = gather(*state);
    const struct crash_report_message *message = report->messages;
    assert_int_equal(report->message_count, 4);
    assert_string_equal(message[0].direction, "to_renderer");
    assert_string_equal(message[0].name, "navigate");
    assert_int_equal(message[0].request, 1);
    assert_int_equal(message[0].before_end_us, 5000);
    assert_string_equal(message[1].name, "document_info");
    assert_string_equal(message[1].direction, "to_broker");
    assert_true(message[2].request == UINT64_MAX);
    assert_string_equal(message[3].name, "");
    assert_string_equal(message[3].refused, "oversized message");
    assert_int_equal(message[3].before_end_us, 0); /* read after the end was noticed */
    assert_int_equal(report->request_count, 1);
    assert_string_equal(report->requests[0].name, "paint");
    assert_int_equal(report->requests[0].page, 7);
}

static void nothing_of_the_stack_is_kept(void **state)
{
    struct fixture *f = *state;
    char *json = dump(gather(f)), *text = crash_report_text(f->report, NULL);
    assert_non_null(text);
    assert_null(strstr(json, "a7a7"));
    assert_null(strstr(text, "a7a7"));
    assert_null(memmem(f->report, sizeof *f->report, "\xa7\xa7\xa7\xa7", 4));
    free(json);
    free(text);
}

static void assert_no_control(const char *text)
{
    for (; *text != '\0'; text++)
        assert_true((unsigned char)*text >= 0x20 || *text == '\n');
}

static void text_has_every_part_and_no_control_byte(void **state)
{
    static const char *const parts[] = {
        "crashed: SIGSEGV (address not mapped) at 0xdeadbeef\n  file       /here/crash-0001.json\n",
        "  kernel     pid 812 was ended by SIGSEGV\n",
        "claim",
        "  step       layout \\x1b[2J\n",
        "  #0 0x0000000005000100 main+0x1 (a.c:1) [bulkhead-renderer]\n",
        "  c6 07 ff c3\n",
        "  to_renderer  navigate, request 1\n",
        ", request 0xffffffffffffffff",
        "  to_broker    ?, refused: oversized message\n",
        "  paint, request 1, page 7\n",
        "Sandbox, as the cell found it: 1 of 2 layers\n",
        "  NO  speculation-control        no such control, ENXIO\n",
        "  memory     268 MB\n",
        "\nModules: start, build id, name\n  000005000000 a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3 bulkhead-renderer\n",
        "  format     PDF (the renderer's word)\n",
    };
    struct fixture *f = *state;
    gather(f)->backtrace = strdup("#0 0x0000000005000100 main+0x1 (a.c:1) [bulkhead-renderer]\n");
    char *text = crash_report_text(f->report, "/here/crash-0001.json");
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (strstr(text, parts[i]) == NULL)
            fail_msg("\"%s\" is not in:\n%s", parts[i], text);
    assert_no_control(text);
    assert_null(strstr(text, "Frames, by its word")); /* the backtrace says it better */
    free(text);
    text = crash_report_text(gather(f), NULL);
    assert_null(strstr(text, "  file  "));
    assert_non_null(strstr(text, "Frames, by its word\n  #0 0x0000000005000100 bulkhead-renderer+0x100\n"));
    free(text);
}

/* As a reader sees it: equal JSON. */
static void assert_reads_back(const struct crash_report *report)
{
    struct crash_report *again = NULL;
    char why[256] = "", *first = dump(report);
    if (crash_report_parse(first, strlen(first), &again, why, sizeof why) < 0)
        fail_msg("%s in:\n%s", why, first);
    char *second = dump(again), *text = crash_report_text(again, NULL);
    assert_string_equal(first, second);
    assert_no_control(first);
    assert_no_control(text);
    free(text);
    free(first);
    free(second);
    crash_report_free(again);
}

static void what_is_written_reads_back_the_same(void **state)
{
    struct fixture *f = *state;
    assert_reads_back(gather(f));
    f->report->backtrace = strdup("#0 one\n#1 two\n");
    snprintf(f->report->document.sha256, sizeof f->report->document.sha256, "%064d", 7);
    assert_reads_back(f->report);
    f->end.has_record = false;
    f->facts.document = NULL;
    f->facts.module_count = f->facts.layer_count = 0;
    f->ring = (struct message_ring){0};
    assert_reads_back(gather(f));
}

static void random_bytes(void *out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ((uint8_t *)out)[i] = (uint8_t)rand();
}

/* Whatever is left of a random record once it was found credible. */
static void any_credible_record_makes_a_report_that_reads_back(void **state)
{
    static const uint32_t kinds[] = {CRASH_SIGNAL, CRASH_SYSCALL, CRASH_OUT_OF_MEMORY, CRASH_STACK_SAMPLE};
    struct fixture *f = *state;
    srand(812);
    for (unsigned round = 0; round < 60; round++) {
        struct crash_record *record = &f->end.record;
        random_bytes(record, sizeof *record);
        record->magic = CRASH_RECORD_MAGIC;
        record->version = CRASH_RECORD_VERSION;
        record->kind = kinds[round % 4];
        record->signal = record->kind == CRASH_SYSCALL ? SIGSYS : SIGSEGV;
        record->frame_count %= CRASH_FRAMES + 1;
        record->register_count %= CRASH_REGISTERS + 1;
        record->code_count %= CRASH_CODE_BYTES + 1;
        record->stack_count %= CRASH_STACK_BYTES + 1;
        f->end.cause = record->kind == CRASH_SYSCALL ? EXIT_CAUSE_SANDBOX_VIOLATION : EXIT_CAUSE_CRASHED;
        assert_true(crash_record_validate(record));
        assert_reads_back(gather(f));
    }
}

/* Backslashes are what JSON makes twice as long. */
static void fill(char *text, size_t bytes)
{
    memset(text, '\\', bytes - 1);
    text[bytes - 1] = '\0';
}
#define FILL(text) fill(text, sizeof(text))

static void fill_word(struct crash_report_word *word)
{
    FILL(word->step);
    FILL(word->advice_row);
    FILL(word->advice_opens);
    word->has_advice = word->has_syscall = word->has_address = true;
    word->register_count = CRASH_REGISTERS;
    word->frame_count = CRASH_FRAMES;
    word->code_bytes = CRASH_CODE_BYTES;
    for (int i = 0; i < CRASH_REGISTERS; i++)
        crash_register_name((uint32_t)i, word->registers[i].name, sizeof word->registers[i].name);
    for (int i = 0; i < CRASH_FRAMES; i++)
        FILL(word->frames[i].where);
}

static void the_largest_report_there_can_be_reads_back(void **state)
{
    struct fixture *f = *state;
    struct crash_report *report = gather(f);
    fill_word(&report->word);
    FILL(report->document.given);
    report->module_count = LIMIT_MODULES;
    report->message_count = MESSAGE_RING_LISTED;
    report->request_count = REQUESTS_OPEN;
    report->layer_count = CRASH_REPORT_LAYERS;
    for (int i = 0; i < LIMIT_MODULES; i++) {
        FILL(report->modules[i].path);
        report->modules[i].build_id_bytes = SYMBOLISE_BUILD_ID_BYTES;
        report->modules[i].start = report->modules[i].end = UINT64_MAX;
    }
    for (int i = 0; i < MESSAGE_RING_LISTED; i++)
        report->messages[i].request = report->messages[i].bytes = UINT64_MAX;
    for (int i = 0; i < CRASH_REPORT_LAYERS; i++)
        FILL(report->layers[i].evidence);
    report->backtrace = calloc(CRASH_REPORT_BACKTRACE_BYTES, 1);
    memset(report->backtrace, '\\', CRASH_REPORT_BACKTRACE_BYTES - 2);
    report->backtrace[CRASH_REPORT_BACKTRACE_BYTES - 2] = '\n';
    char *text = dump(report);
    assert_true(strlen(text) < CRASH_REPORT_JSON_BYTES);
    free(text);
    assert_reads_back(report);
}

static int parse(const char *text, size_t bytes, char why[256])
{
    struct crash_report *report = NULL;
    why[0] = '\0';
    int r = crash_report_parse(text, bytes, &report, why, 256);
    assert_true((r == 0) == (report != NULL));
    crash_report_free(report);
    return r;
}

/* What the member at `path` ("end.pid", "messages.0.name") becomes. Takes value. */
static void set_member(json_t *root, const char *path, json_t *value)
{
    char copy[128], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", path);
    json_t *at = root;
    for (char *word = strtok_r(copy, ".", &rest); word != NULL;) {
        char *next = strtok_r(NULL, ".", &rest);
        bool is_index = word[0] >= '0' && word[0] <= '9';
        if (next == NULL) {
            assert_int_equal(
                is_index ? json_array_set_new(at, (size_t)atoi(word), value) : json_object_set_new(at, word, value), 0);
            return;
        }
        at = is_index ? json_array_get(at, (size_t)atoi(word)) : json_object_get(at, word);
        assert_non_null(at);
        word = next;
    }
}

static json_t *long_list(size_t count)
{
    json_t *list = json_array();
    while (json_array_size(list) < count)
        json_array_append_new(list, json_object());
    return list;
}

static json_t *many_registers(void)
{
    json_t *object = json_object();
    for (int i = 0; i <= CRASH_REGISTERS; i++) {
        char name[8];
        snprintf(name, sizeof name, "q%d", i);
        json_object_set_new(object, name, json_string("0x1"));
    }
    return object;
}

static json_t *long_text(size_t length)
{
    char *text = malloc(length + 1);
    memset(text, 'x', length);
    text[length] = '\0';
    json_t *string = json_string(text);
    free(text);
    return string;
}

static void a_value_that_cannot_be_is_refused_by_its_name(void **state)
{
    const struct {
        const char *path, *name;
        json_t *value;
    } cases[] = {
        {"end", "end", json_integer(1)},
        {"end.cause", "cause", json_integer(1)},
        {"end.cause", "cause", long_text(32)},
        {"end.summary", "summary", json_string("\033[2J")},
        {"end.summary", "summary", json_string("two\nlines")},
        {"end.summary", "summary", json_string("\342\200\256evil")}, /* U+202E */
        {"end.summary", "u0000", json_stringn("a\0b", 3)},
        {"end.pid", "pid", json_integer(-1)},
        {"end.pid", "pid", json_real(1.5)},
        {"end.pid", "pid", json_string("18446744073709551616")},
        {"end.pid", "pid", json_string("-1")},
        {"end.pid", "pid", json_string("")},
        {"end.status", "status", json_integer(-2)},
        {"end.status", "status", json_string("1")},
        {"end.dumped_core", "dumped_core", json_integer(1)},
        {"time", "time", json_string("yesterday")},
        {"time", "time", json_string("2026-11-23T09:11:12Z")},
        {"time", "time", json_string("2026-02-31T09:11:12.000Z")},
        {"time", "time", json_string("1926-11-23T09:11:12.000Z")},
        {"time", "time", json_integer(5)},
        {"renderer_said", "renderer_said", json_string("")},
        {"renderer_said.address", "address", json_string("1f")},
        {"renderer_said.address", "address", json_string("0x")},
        {"renderer_said.address", "address", json_string("0x1F")},
        {"renderer_said.address", "address", json_string("0x10000000000000000")},
        {"renderer_said.address", "address", json_integer(16)},
        {"renderer_said.registers", "registers", many_registers()},
        {"renderer_said.registers", "registers", json_array()},
        {"renderer_said.registers.\033", "registers", json_string("0x1")},
        {"renderer_said.registers.muchtoolong", "registers", json_string("0x1")},
        {"renderer_said.registers.q", "register", json_integer(1)},
        {"renderer_said.code", "code", json_string("c60")},
        {"renderer_said.code", "code", json_string("zz")},
        {"renderer_said.code", "code", long_text(66)},
        {"renderer_said.frames", "frames", long_list(CRASH_FRAMES + 1)},
        {"renderer_said.frames.0", "frame", json_integer(1)},
        {"renderer_said.frames.0.where", "where", json_string("\177")},
        {"backtrace", "backtrace", json_string("#0")},
        {"backtrace", "backtrace", json_pack("[s]", "a\033b")},
        {"backtrace", "backtrace", json_pack("[i]", 1)},
        {"backtrace", "backtrace", json_pack("[o]", long_text(CRASH_REPORT_BACKTRACE_BYTES))},
        {"modules", "modules", long_list(LIMIT_MODULES + 1)},
        {"modules.0.build_id", "build_id", long_text(2 * SYMBOLISE_BUILD_ID_BYTES + 2)},
        {"messages", "messages", long_list(MESSAGE_RING_LISTED + 1)},
        {"messages.0.message", "message", json_string("\033")},
        {"unanswered", "unanswered", long_list(REQUESTS_OPEN + 1)},
        {"sandbox", "sandbox", long_list(CRASH_REPORT_LAYERS + 1)},
        {"limits", "limits", json_array()},
        {"document.sha256", "sha256", long_text(65)},
        {"schema", "another version", json_integer(2)},
        {"schema", "another version", json_string("1")},
        {"format", "not a crash report", json_string("session")},
        {"format", "not a crash report", json_integer(1)},
    };
    char *text = dump(gather(*state)), why[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *root = json_loads(text, 0, NULL);
        assert_non_null(cases[i].value);
        set_member(root, cases[i].path, cases[i].value);
        char *changed = json_dumps(root, 0);
        int r = parse(changed, strlen(changed), why);
        if (r != -EINVAL || strstr(why, cases[i].name) == NULL)
            fail_msg("case %zu, %s: %d, \"%s\"", i, cases[i].path, r, why);
        free(changed);
        json_decref(root);
    }
    free(text);
}

static void what_is_missing_is_nothing_and_what_is_unknown_is_passed_over(void **state)
{
    static const char least[] = "{\"format\": \"bulkhead crash report\", \"schema\": 1}";
    struct crash_report *report;
    char why[256];
    (void)state;
    assert_int_equal(crash_report_parse(least, sizeof least - 1, &report, why, sizeof why), 0);
    assert_false(report->has_word);
    char *text = crash_report_text(report, NULL);
    assert_non_null(text);
    free(text);
    assert_reads_back(report);
    crash_report_free(report);
    static const char more[] =
        "{\"format\": \"bulkhead crash report\", \"schema\": 1, \"news\": [{}], \"end\": {\"x\": 1}}";
    assert_int_equal(parse(more, sizeof more - 1, why), 0);
}

/* The seed of fuzz_crash_report: whoever adds to a report adds it there, and everything in it is taken back. */
static void the_seed_has_every_member_and_reads_back(void **state)
{
    char *seed = crash_report_seed(), *whole = dump(gather(*state));
    struct crash_report *report = NULL;
    char why[256] = "";
    assert_non_null(seed);
    if (crash_report_parse(seed, strlen(seed), &report, why, sizeof why) < 0)
        fail_msg("%s in:\n%s", why, seed);
    assert_reads_back(report);
    crash_report_free(report);
    json_t *object = json_loads(seed, 0, NULL), *of_an_end = json_loads(whole, 0, NULL), *value;
    const char *key;
    json_object_foreach(of_an_end, key, value) {
        const json_t *of_seed = json_object_get(object, key);
        bool is_empty =
            json_is_array(of_seed) ? json_array_size(of_seed) == 0 : of_seed == NULL || json_is_null(of_seed);
        if (is_empty)
            fail_msg("the seed has no %s", key);
    }
    json_decref(object);
    json_decref(of_an_end);
    free(whole);
    free(seed);
}

static void bytes_that_are_no_report_are_refused(void **state)
{
    static const char *const texts[] = {"", "null", "[]", "{}", "nonsense", "{\"format\": 1, \"format\": 2}"};
    char *whole = dump(gather(*state)), why[256];
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(parse(texts[i], strlen(texts[i]), why), -EINVAL);
        assert_true(why[0] != '\0');
        assert_no_control(why);
    }
    size_t length = strlen(whole);
    for (size_t cut = 0; cut < length; cut += length / 97 + 1)
        assert_int_equal(parse(whole, cut, why), -EINVAL);
    char *deep = malloc(200000);
    memset(deep, '[', 200000);
    assert_int_equal(parse(deep, 200000, why), -EINVAL);
    free(deep);
    free(whole);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bad_end_is_worth_a_report_and_no_other),
        TEST(tells_end_document_and_circumstances),
        TEST(tells_why_the_broker_or_the_oom_killer_ended_it),
        TEST(every_reason_fits_its_place),
        TEST(keeps_the_renderers_word_apart_and_locates_its_addresses),
        TEST(a_refused_system_call_comes_with_the_row_that_would_allow_it),
        TEST(lists_messages_by_name_direction_and_time_before_the_end),
        TEST(nothing_of_the_stack_is_kept),
        TEST(text_has_every_part_and_no_control_byte),
        TEST(what_is_written_reads_back_the_same),
        TEST(any_credible_record_makes_a_report_that_reads_back),
        TEST(the_largest_report_there_can_be_reads_back),
        TEST(a_value_that_cannot_be_is_refused_by_its_name),
        TEST(what_is_missing_is_nothing_and_what_is_unknown_is_passed_over),
        TEST(the_seed_has_every_member_and_reads_back),
        TEST(bytes_that_are_no_report_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
