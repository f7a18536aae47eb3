/* policy_file.h - the broker's numbers that a user may change: a JSON object, read at start and again on SIGHUP.
 *
 * Unknown keys, wrong types and numbers out of range refuse the whole file and leave the policy in force as it was.
 */
#ifndef BULKHEAD_POLICY_FILE_H
#define BULKHEAD_POLICY_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy {
    uint32_t start_timeout_ms;          /* fork to hello; default 10000 */
    uint32_t ping_interval_ms;          /* 1000 */
    uint32_t unresponsive_after_ms;     /* an unanswered ping, or a request without any progress; 3000 */
    uint32_t hung_after_ms;             /* from unresponsive to the kill; 5000 */
    uint32_t request_timeout_ms;        /* one request altogether; 30000 */
    uint64_t memory_limit_bytes;        /* 1 GiB */
    bool files_allowed;                 /* OpenFile at all; true */
    uint64_t file_limit_bytes;          /* one file asked for; 64 MiB */
    uint32_t files_per_document;        /* 256 */
    uint32_t quarantine_ends;           /* bad ends before a document is quarantined; 3 */
    uint32_t reload_backoff_ms;         /* first automatic reload; 250 */
    uint32_t messages_per_second;       /* token bucket for one renderer; 20000 */
    uint32_t shutdown_deadline_ms;      /* for running work after SIGTERM; 3000 */
    uint32_t log_text_bytes_per_second; /* a renderer's stdout and stderr; 8192 */
    uint32_t crash_reports;             /* kept, the newest of all; 0 = none is written; 100 */
    uint64_t crash_reports_bytes;       /* of all of them together; 16 MiB */
};

void policy_init_defaults(struct policy *policy);
/* 0, or -errno (-EINVAL: ret_error names line and key). *policy changes only on success. */
int policy_load(struct policy *policy, const char *path, char *ret_error, size_t ret_error_bytes);

#endif
