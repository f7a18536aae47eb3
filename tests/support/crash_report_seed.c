#include "tests/support/crash_report_seed.h"

#include <stdlib.h>
#include <string.h>

#include "broker/crash/crash_report.h"

static void fill_end(struct crash_report *report)
{
    report->end = (struct crash_report_end){
        .cause = "sandbox violation",
        .summary = "sandbox violation: socket(0x2, 0x1)",
        .renderer = 1,
        .pid = 812,
        .lived_ms = 5,
        .signal = "SIGSYS",
        .status = -1,
        .dumped_core = true,
        .killed_for = "bad message",
        .violation = "oversized message",
        .oom_kill = "memory.max",
        .oom_limit_bytes = 1 << 20,
        .oom_frame_bytes = 4096,
    };
    report->has_document = true;
    report->document = (struct crash_report_document){
        .given = "tour.pdf", .format = "PDF", .bytes = 7, .sha256 = "00ff", .no_sha256 = "it took too long to read"};
}

static void fill_word(struct crash_report *report)
{
    report->has_word = true;
    report->word = (struct crash_report_word){
        .kind = "syscall",
        .signal = "SIGSYS",
        .reason = "system call forbidden",
        .has_address = true,
        .address = 0x5001,
        .has_syscall = true,
        .syscall = "socket",
        .argument_count = 2,
        .arguments = {2, 1},
        .has_advice = true,
        .advice_row = "{CALL(socket), RENDERER},",
        .advice_file = "common/policy_table.c",
        .advice_opens = "lets it make sockets",
        .thread = 4,
        .step = "layout",
        .requested_bytes = 4096,
        .register_count = 1,
        .code_bytes = 2,
        .frame_count = 1,
        .registers = {{.name = "rip", .value = 0x5001}},
        .code = {0x0f, 0x05},
        .frames = {{.address = 0x5001, .where = "bulkhead-renderer+0x1"}},
    };
}

static void fill_lists(struct crash_report *report)
{
    report->module_count = report->message_count = report->request_count = report->layer_count = 1;
    report->modules[0] = (struct crash_report_module){.path = "/usr/lib/bulkhead-renderer",
                                                      .start = 0x5000,
                                                      .end = 0x6000,
                                                      .load_bias = 0x5000,
                                                      .build_id_bytes = 2,
                                                      .build_id = {0xa0, 0xa1}};
    report->messages[0] = (struct crash_report_message){.direction = "to_broker",
                                                        .name = "open_file",
                                                        .request = UINT64_MAX,
                                                        .count = 2,
                                                        .bytes = 9,
                                                        .fds = 1,
                                                        .before_end_us = 12,
                                                        .refused = "wrong state"};
    report->requests[0] = (struct crash_report_request){.name = "paint", .id = 3, .age_ms = 4, .page = 1};
    report->layers[0] = (struct crash_report_layer){
        .name = "seccomp", .error = "ENXIO", .evidence = "120 instructions", .is_optional = true};
    report->limits = (struct crash_report_limits){1 << 20, 30000, 1000, 3000, 5000, 20000, true, 1 << 16, 256};
    report->backtrace = strdup("#0 0x0000000000005001 main+0x1 (a.c:1) [bulkhead-renderer]\n#1 ??\n");
}

char *crash_report_seed(void)
{
    struct crash_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return NULL;
    report->time_ms = 1795745531345;
    memcpy(report->bulkhead, "0.1.0", 6);
    memcpy(report->engine, "MuPDF 1.21.1", 13);
    memcpy(report->kernel, "6.1.0", 6);
    memcpy(report->kernel_build, "#1 SMP", 7);
    memcpy(report->machine, "x86_64", 7);
    fill_end(report);
    fill_word(report);
    fill_lists(report);
    json_t *object = crash_report_json(report);
    char *text = object != NULL ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    crash_report_free(report);
    return text;
}
