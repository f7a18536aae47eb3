/* process.h - for integration tests: runs a real program, catches what it says, and never waits for ever.
 *
 * Every call has a deadline; a program that misses it is killed and the test fails. Results are owned by the caller.
 */
#ifndef BULKHEAD_TEST_PROCESS_H
#define BULKHEAD_TEST_PROCESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct process_result {
    bool timed_out;
    int exit_code;   // 128 + n when a signal ended it
    char *out, *err; // NUL-terminated, owned
    size_t out_bytes, err_bytes;
};

struct process_options {
    const char *input; // for its stdin; NULL = /dev/null
    size_t input_bytes;
    const char *const *environment; // "NAME=value" in addition; NULL-terminated; may be NULL
    int timeout_ms;                 // 0 = 60000
    bool closes_stdout;             // its stdout is a pipe nobody reads
    const char *stdout_path;        // its stdout is this file instead of being caught
};

/* argv[0] is a path, or a name below $BULKHEAD_BUILD ("bulkhead"). Fails the test if it cannot be started. */
void process_run(const char *const *argv, const struct process_options *options, struct process_result *ret_result);
void process_result_free(struct process_result *result);

/* Its stdout as JSON, owned by the caller; fails the test if it is none. */
json_t *process_json(const struct process_result *result);
/* A member that is a string; "" if there is none. */
const char *process_json_text(const json_t *object, const char *key);

/* Starts it and returns; out_fd (owned by the caller) reads its stdout, its stderr goes to err_path or /dev/null. */
pid_t process_start(const char *const *argv, const char *err_path, int *ret_out_fd);
/* Waits; the exit code as above, or -1 after timeout_ms, when it was killed. */
int process_wait(pid_t pid, int timeout_ms);

/* Processes below `pid` (children, their children, …) that are alive now; from /proc. */
size_t process_descendants(pid_t pid, pid_t *ret_pids, size_t capacity);
/* The first child of the calling thread; 0 = it has none. */
pid_t process_only_child(void);
/* Whether pid is alive (zombies are not). */
bool process_is_alive(pid_t pid);
/* Polls until fn says true; false after timeout_ms. */
bool process_wait_until(bool (*fn)(void *userdata), void *userdata, int timeout_ms);

#endif
