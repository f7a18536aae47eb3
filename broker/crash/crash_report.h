/* crash_report.h - what is kept about one bad end: plain data, gathered at the end, shown as text or as JSON, read
 * back.
 *
 * Every string in it is fit to be shown: escaped (common/text.h) where it is gathered, looked through where a report is
 * read from a file. What only the renderer says is in `word` and document.format, and is called so wherever it is
 * shown. Of the document there are its name, size, format and hash, and nothing of its content; the copy of the stack
 * that the record brings is used for the backtrace and not kept, because a stack may hold such content.
 */
#ifndef BULKHEAD_CRASH_REPORT_H
#define BULKHEAD_CRASH_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/crash/document_hash.h"
#include "broker/crash/symbolise.h"
#include "broker/document/document.h"
#include "broker/exit_cause.h"
#include "broker/message_ring.h"
#include "broker/requests.h"
#include "broker/watchdog.h"

enum {
    CRASH_REPORT_SCHEMA = 1,
    CRASH_REPORT_LAYERS = 32,
    CRASH_REPORT_BACKTRACE_BYTES = 192 * 1024, /* the 64 KB of the symboliser, escaped */
    CRASH_REPORT_JSON_BYTES = 1024 * 1024,     /* more is no report: the largest that can be made is smaller */
};

struct crash_report_end {
    char cause[32], summary[256];
    uint64_t renderer, pid;
    uint64_t lived_ms;
    char signal[32]; /* "" = it exited */
    int64_t status;  /* exit status; -1 = a signal ended it */
    bool dumped_core;
    char killed_for[48], violation[32]; /* "" = the broker did not kill it */
    char oom_kill[32];                  /* what the OOM killer had to do with it; "" = nothing */
    uint64_t oom_limit_bytes, oom_frame_bytes;
};

struct crash_report_register {
    char name[8];
    uint64_t value;
};

struct crash_report_frame {
    uint64_t address;
    char where[96]; /* "bulkhead-renderer+0x2b180": offsets as the file has them; "" = in no module */
};

/* The crash record, as the renderer left it: a claim. */
struct crash_report_word {
    char kind[16];
    char signal[32], reason[48]; /* "" = its kind has none */
    bool has_address;
    uint64_t address;
    bool has_syscall;
    char syscall[48];
    size_t argument_count;
    uint64_t arguments[6];
    bool has_advice; /* for whoever maintains the policy (exit_advice.h) */
    char advice_row[224], advice_file[64], advice_opens[512];
    int64_t thread;
    char step[4 * CRASH_NOTE_BYTES];
    uint64_t requested_bytes;
    size_t register_count, code_bytes, frame_count;
    struct crash_report_register registers[CRASH_REGISTERS];
    uint8_t code[CRASH_CODE_BYTES]; /* from the instruction pointer on */
    struct crash_report_frame frames[CRASH_FRAMES];
};

struct crash_report_module {
    char path[512];
    uint64_t start, end, load_bias;
    size_t build_id_bytes;
    uint8_t build_id[SYMBOLISE_BUILD_ID_BYTES];
};

struct crash_report_message {
    char direction[16]; /* "to_renderer", "to_broker" */
    char name[32];      /* "" = refused before its type was known */
    uint64_t request, count, bytes, fds;
    uint64_t before_end_us;
    char refused[32]; /* the violation's name */
};

struct crash_report_request {
    char name[32];
    uint64_t id, age_ms;
    uint64_t page; /* from 1; 0 = of no page */
};

struct crash_report_document {
    char given[1024]; /* as on the command line: "tour.pdf", "about:clock", "standard input" */
    char format[64];  /* the renderer's word; "" = it had said none */
    uint64_t bytes;   /* 0 for an about: page */
    char sha256[DOCUMENT_HASH_BYTES];
    char no_sha256[64]; /* why there is none */
};

struct crash_report_layer {
    char name[32], error[32], evidence[256];
    bool in_force, is_optional; /* an optional one that is not there is no lack */
};

struct crash_report_limits {
    uint64_t memory_bytes, request_ms, ping_interval_ms, unresponsive_ms, hung_ms, messages_per_second;
    bool files_allowed;
    uint64_t file_bytes, files;
};

struct crash_report {
    uint64_t time_ms; /* of the end, Unix time */
    char bulkhead[32], engine[64];
    char kernel[65], kernel_build[65], machine[65]; /* uname(2) */
    struct crash_report_end end;
    bool has_word, has_document;
    struct crash_report_word word;
    struct crash_report_document document;
    size_t module_count, message_count, request_count, layer_count;
    struct crash_report_module modules[LIMIT_MODULES];
    struct crash_report_message messages[MESSAGE_RING_LISTED];
    struct crash_report_request requests[REQUESTS_OPEN];
    struct crash_report_layer layers[CRASH_REPORT_LAYERS];
    struct crash_report_limits limits;
    char *backtrace; /* a frame a line; owned; NULL = there was nothing to make one of */
};

/* Where a report comes from. All borrowed for the call. */
struct crash_report_facts {
    const struct exit_report *end;
    uint64_t lived_ms;
    const struct symbolise_module *modules; /* [module_count] */
    size_t module_count;
    const struct message_ring *messages;
    const struct requests *requests;
    const struct watchdog_limits *limits;
    uint64_t memory_limit_bytes;
    const struct policy *policy;
    const struct layer_status *layers; /* [layer_count] */
    size_t layer_count;
    const char *engine_version;      /* escaped */
    const struct document *document; /* NULL = it was given none */
    const char *format;              /* escaped */
};

/* Whether such an end is worth a report: not what we asked for, and not what never was a process. */
bool crash_report_is_due(const struct exit_report *end);

/* A report without backtrace and hash. Owned by the caller; NULL without memory. */
struct crash_report *crash_report_gather(const struct crash_report_facts *facts);
/* Takes NULL. */
void crash_report_free(struct crash_report *report);

/* Its file's name, without the directory. */
const char *crash_report_module_name(const struct crash_report_module *module);
/* "bulkhead-renderer+0x2b180" into at least 96 bytes, or "" for an address in no module. */
void crash_report_locate(const struct crash_report *report, uint64_t address, char *out, size_t out_bytes);

/* Many lines for people, the first of them the end; with the path of its file (escaped), or NULL. Owned by the caller
 * (free); NULL without memory. */
char *crash_report_text(const struct crash_report *report, const char *path);

/* A new reference; NULL without memory. */
json_t *crash_report_json(const struct crash_report *report);
/* From the bytes of a file, which may be anybody's: 0 with *ret_report owned by the caller, -ENOMEM, or -EINVAL with
 * what is wrong with it (escaped) in ret_why. */
int crash_report_parse(const void *data, size_t size_bytes, struct crash_report **ret_report, char *ret_why,
                       size_t why_bytes);

#endif
