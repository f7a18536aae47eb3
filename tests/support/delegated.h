/* delegated.h - for integration tests: a delegated cgroup v2 of a test's own, on hosts that give us one.
 *
 * $BULKHEAD_TEST_CGROUP names a cgroup whose memory and pids controllers are handed on and in which we may make others
 * (tests/support/with-cgroup sets it up). Each test gets one in there, empty, delegated, as somebody would get it from
 * systemd. Without it there is nothing to test: the test is skipped and the reason is told.
 */
#ifndef BULKHEAD_TESTS_DELEGATED_H
#define BULKHEAD_TESTS_DELEGATED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/support/process.h"

enum { DELEGATED_PATH = 512 };

/* False where there is none, with the reason on stdout. Fails the test if there is one and it cannot be used. */
bool delegated_make(char ret_directory[DELEGATED_PATH]);
/* Fails the test unless everything in it is as it was: no process, no cgroup below, nothing handed on. */
void delegated_remove(const char *directory);

/* Runs or starts a program (as process.h does) that is in the cgroup from its first instruction. */
void delegated_run(const char *directory, const char *const *argv, struct process_result *ret_result);
pid_t delegated_start(const char *directory, const char *const *argv, int *ret_out_fd);
/* Moves this process: for a child that is to live there. */
void delegated_enter(const char *directory);

/* A file of a cgroup, whole; static. "" if it is not there. */
const char *delegated_read(const char *directory, const char *file);
void delegated_write(const char *directory, const char *file, const char *text);
/* The value behind a key of a file such as memory.events. */
uint64_t delegated_read_key(const char *directory, const char *file, const char *key);
/* The one process of a cgroup, 0 as long as there is none. */
pid_t delegated_pid(const char *directory);

#endif
