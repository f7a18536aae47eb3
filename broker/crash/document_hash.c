#include "broker/crash/document_hash.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <nettle/sha2.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/crash/errand.h"
#include "common/fd.h"

enum {
    DEADLINE_MS = 5000, // a gigabyte from a slow disk, seven from memory
    CHUNK_BYTES = 64 * 1024,
    LINE_BYTES = 2 * SHA256_DIGEST_SIZE + 1,
    TEXT_BYTES = LINE_BYTES + 1, // one too many shows
    EXIT_NOT_LOWERED = 3,
    EXIT_NOT_READ = 4,
    EXIT_NOT_WRITTEN = 5,
};

_Static_assert((int)DOCUMENT_HASH_BYTES == (int)LINE_BYTES, "a NUL in place of the newline");

struct document_hash_job {
    struct errand *errand;
    document_hash_fn fn;
    void *userdata;
};

static bool is_sum(const struct errand_result *result)
{
    if (result->text_bytes != LINE_BYTES || result->text[LINE_BYTES - 1] != '\n')
        return false;
    for (int i = 0; i < LINE_BYTES - 1; i++)
        if (memchr("0123456789abcdef", result->text[i], 16) == NULL)
            return false;
    return true;
}

static const char *failure_text(const struct errand_result *result)
{
    if (result->is_late)
        return "it took too long to read";
    if (result->wait_code == CLD_EXITED && result->wait_status == EXIT_NOT_READ)
        return "it could not be read";
    return "the child that reads it failed";
}

static void on_done(struct errand *errand, const struct errand_result *result, void *userdata)
{
    struct document_hash_job *job = userdata;
    char sum[DOCUMENT_HASH_BYTES] = "";

    (void)errand;
    if (errand_succeeded(result) && is_sum(result)) {
        memcpy(sum, result->text, sizeof sum - 1);
        job->fn(job, sum, NULL, job->userdata);
    } else {
        job->fn(job, NULL, failure_text(result), job->userdata);
    }
    free(job);
}

int document_hash_start(struct loop *loop, const struct document *document, document_hash_fn fn, void *userdata,
                        struct document_hash_job **ret_job)
{
    if (document_url(document)[0] != '\0')
        return -ENOENT;
    _fd_cleanup_ int fd = document_dup_fd(document);
    struct document_hash_job *job = fd >= 0 ? calloc(1, sizeof *job) : NULL;
    if (job == NULL)
        return fd < 0 ? fd : -ENOMEM;
    *job = (struct document_hash_job){.fn = fn, .userdata = userdata};
    int r = errand_start(loop, ERRAND_HASH, fd, DEADLINE_MS, TEXT_BYTES, on_done, job, &job->errand);
    if (r < 0) {
        free(job);
        return r;
    }
    *ret_job = job;
    return 0;
}

void document_hash_cancel(struct document_hash_job *job)
{
    if (job == NULL)
        return;
    errand_cancel(job->errand);
    free(job);
}

// From here on in the child. Reading, writing and exiting is all that strict mode leaves: no open(), no memory.
static int lower(void)
{
    const struct rlimit none = {0, 0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    fd_close_between(3, ~0u);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    setpriority(PRIO_PROCESS, 0, 10); // the reload of the crashed tab goes first
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &none);
#ifndef BULKHEAD_SANITIZED // the sanitizers' runtime calls more
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) < 0 && errno != EINVAL) // EINVAL: a kernel without it
        return -errno;
#endif
    return 0;
}

static int hash_stdin(uint8_t ret_digest[SHA256_DIGEST_SIZE])
{
    static uint8_t chunk[CHUNK_BYTES];
    struct sha256_ctx context;

    sha256_init(&context);
    for (;;) {
        ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        sha256_update(&context, (size_t)n, chunk);
    }
    sha256_digest(&context, SHA256_DIGEST_SIZE, ret_digest);
    return 0;
}

// Strict mode knows exit() but not exit_group(), by which the C library ends a process.
static __attribute__((noreturn)) void leave(int code)
{
#ifdef BULKHEAD_SANITIZED
    exit(code);
#else
    for (;;)
        syscall(SYS_exit, code);
#endif
}

int document_hash_child_main(void)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[SHA256_DIGEST_SIZE] = {0};
    char line[LINE_BYTES];

    if (lower() < 0)
        return EXIT_NOT_LOWERED;
    if (hash_stdin(digest) < 0)
        leave(EXIT_NOT_READ);
    for (size_t i = 0; i < sizeof digest; i++) {
        line[2 * i] = digits[digest[i] >> 4];
        line[2 * i + 1] = digits[digest[i] & 15];
    }
    line[LINE_BYTES - 1] = '\n';
    leave(write(STDOUT_FILENO, line, sizeof line) == sizeof line ? 0 : EXIT_NOT_WRITTEN);
}
