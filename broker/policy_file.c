#include "broker/policy_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/text.h"

enum {
    FILE_BYTES = 64 * 1024, // more is not a policy
    KEY_BYTES = 80,         // of a key as shown in a message
    NAME_BYTES = 32,        // longer than any name in the table
};

enum field_type { FIELD_BOOL, FIELD_U32, FIELD_U64 };

struct field {
    const char *name;
    enum field_type type;
    size_t offset;
    uint64_t minimum, maximum;
};

#define FIELD(kind, member, low, high)                                                                                 \
    {                                                                                                                  \
        .name = #member, .type = kind, .offset = offsetof(struct policy, member), .minimum = low, .maximum = high      \
    }

// The lower ends keep the program usable (a renderer needs some 20 MiB), the upper ends keep sums within their types.
static const struct field fields[] = {
    FIELD(FIELD_U32, start_timeout_ms, 100, 600000),
    FIELD(FIELD_U32, ping_interval_ms, 20, 60000),
    FIELD(FIELD_U32, unresponsive_after_ms, 50, 600000),
    FIELD(FIELD_U32, hung_after_ms, 50, 600000),
    FIELD(FIELD_U32, request_timeout_ms, 100, 3600000),
    FIELD(FIELD_U64, memory_limit_bytes, 16ull << 20, 1ull << 40),
    FIELD(FIELD_BOOL, files_allowed, 0, 1),
    FIELD(FIELD_U64, file_limit_bytes, 0, 1ull << 40),
    FIELD(FIELD_U32, files_per_document, 0, 100000),
    FIELD(FIELD_U32, quarantine_ends, 1, 1000),
    FIELD(FIELD_U32, reload_backoff_ms, 10, 60000),
    FIELD(FIELD_U32, messages_per_second, 100, 100000000),
    FIELD(FIELD_U32, shutdown_deadline_ms, 0, 600000),
    FIELD(FIELD_U32, log_text_bytes_per_second, 0, 1 << 24),
    FIELD(FIELD_U32, crash_reports, 0, 10000),
    FIELD(FIELD_U64, crash_reports_bytes, 1ull << 20, 1ull << 40),
};
enum { FIELD_COUNT = sizeof fields / sizeof fields[0] };

// Where a message goes, and the text it speaks about.
struct report {
    char *error;
    size_t error_bytes;
    const char *text;
    size_t text_bytes;
};

void policy_init_defaults(struct policy *policy)
{
    *policy = (struct policy){
        .start_timeout_ms = 10000,
        .ping_interval_ms = 1000,
        .unresponsive_after_ms = 3000,
        .hung_after_ms = 5000,
        .request_timeout_ms = 30000,
        .memory_limit_bytes = 1ull << 30,
        .files_allowed = true,
        .file_limit_bytes = 64ull << 20,
        .files_per_document = 256,
        .quarantine_ends = 3,
        .reload_backoff_ms = 250,
        .messages_per_second = 20000,
        .shutdown_deadline_ms = 3000,
        .log_text_bytes_per_second = 8192,
        .crash_reports = 100,
        .crash_reports_bytes = 16ull << 20,
    };
}

// jansson keeps no lines for values: the first place where the key stands in quotes tells it. 0 if it is not found (a
// key written with escapes).
static unsigned line_of_key(const struct report *report, const char *key)
{
    char quoted[KEY_BYTES];
    int n = snprintf(quoted, sizeof quoted, "\"%s\"", key);

    if (n < 0 || (size_t)n >= sizeof quoted)
        return 0;
    const char *found = memmem(report->text, report->text_bytes, quoted, (size_t)n);
    unsigned line = 1;
    for (const char *at = report->text; found != NULL && at < found; at++)
        line += *at == '\n';
    return found != NULL ? line : 0;
}

static __attribute__((format(printf, 3, 4))) int refuse_key(const struct report *report, const char *key,
                                                            const char *format, ...)
{
    char shown[KEY_BYTES], reason[160];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    text_escape(shown, sizeof shown, key, strlen(key));
    unsigned line = line_of_key(report, key);
    if (line > 0)
        snprintf(report->error, report->error_bytes, "line %u: \"%s\" %s", line, shown, reason);
    else
        snprintf(report->error, report->error_bytes, "\"%s\" %s", shown, reason);
    return -EINVAL;
}

// Levenshtein distance; names longer than the table's are as far as they are long.
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES + 1], a_length = strlen(a), b_length = strlen(b);

    if (b_length > NAME_BYTES)
        return b_length;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_length];
}

static int refuse_unknown(const struct report *report, const char *key)
{
    const char *nearest = NULL;
    size_t nearest_distance = strlen(key) / 2 + 1; // farther than that is another word

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        size_t distance = edit_distance(fields[i].name, key);
        if (distance < nearest_distance) {
            nearest = fields[i].name;
            nearest_distance = distance;
        }
    }
    if (nearest == NULL)
        return refuse_key(report, key, "is not a policy key");
    return refuse_key(report, key, "is not a policy key; did you mean \"%s\"?", nearest);
}

static const struct field *field_find(const char *key)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (strcmp(fields[i].name, key) == 0)
            return &fields[i];
    }
    return NULL;
}

static int field_set(const struct field *field, const json_t *value, const struct report *report, struct policy *policy)
{
    void *target = (char *)policy + field->offset;

    if (field->type == FIELD_BOOL) {
        if (!json_is_boolean(value))
            return refuse_key(report, field->name, "must be true or false");
        *(bool *)target = json_is_true(value);
        return 0;
    }
    json_int_t number = json_is_integer(value) ? json_integer_value(value) : -1;
    if (number < 0 || (uint64_t)number < field->minimum || (uint64_t)number > field->maximum)
        return refuse_key(report, field->name, "must be a whole number from %" PRIu64 " to %" PRIu64, field->minimum,
                          field->maximum);
    if (field->type == FIELD_U64)
        *(uint64_t *)target = (uint64_t)number;
    else
        *(uint32_t *)target = (uint32_t)number;
    return 0;
}

static int policy_parse(struct policy *policy, const struct report *report)
{
    struct policy parsed;
    json_error_t problem;
    json_t *root = json_loadb(report->text, report->text_bytes, JSON_REJECT_DUPLICATES, &problem), *value;
    const char *key;
    int r = 0;

    if (root == NULL) {
        char shown[JSON_ERROR_TEXT_LENGTH];
        text_escape(shown, sizeof shown, problem.text, strlen(problem.text));
        snprintf(report->error, report->error_bytes, "line %d: %s", problem.line, shown);
        return -EINVAL;
    }
    policy_init_defaults(&parsed);
    if (!json_is_object(root)) {
        snprintf(report->error, report->error_bytes, "line 1: the policy must be a JSON object");
        r = -EINVAL;
    }
    json_object_foreach(root, key, value) {
        const struct field *field = field_find(key);
        r = field != NULL ? field_set(field, value, report, &parsed) : refuse_unknown(report, key);
        if (r < 0)
            break;
    }
    json_decref(root);
    if (r == 0)
        *policy = parsed;
    return r;
}

// The whole file into *ret_text (owned). O_NONBLOCK: a FIFO must not stop the broker.
static int read_file(const char *path, char **ret_text, size_t *ret_bytes)
{
    _fd_cleanup_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat status;

    if (fd < 0 || fstat(fd, &status) < 0)
        return -errno;
    if (S_ISDIR(status.st_mode))
        return -EISDIR;
    if (!S_ISREG(status.st_mode))
        return -ENOTSUP;
    if (status.st_size > FILE_BYTES)
        return -EFBIG;
    char *text = malloc(FILE_BYTES);
    if (text == NULL)
        return -ENOMEM;
    ssize_t used = 0, n;
    while ((n = read(fd, text + used, (size_t)(FILE_BYTES - used))) > 0)
        used += n;
    if (n < 0) {
        int r = -errno;
        free(text);
        return r;
    }
    *ret_text = text;
    *ret_bytes = (size_t)used;
    return 0;
}

int policy_load(struct policy *policy, const char *path, char *ret_error, size_t ret_error_bytes)
{
    struct report report = {.error = ret_error, .error_bytes = ret_error_bytes};
    char *text = NULL;
    int r = read_file(path, &text, &report.text_bytes);

    if (r < 0) {
        snprintf(ret_error, ret_error_bytes, "%s", r == -ENOTSUP ? "not a regular file" : strerror(-r));
        return r;
    }
    report.text = text;
    r = policy_parse(policy, &report);
    free(text);
    return r;
}
