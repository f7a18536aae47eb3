#include "tests/support/delegated.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/limits/cgroup_files.h"
#include "common/fd.h"

enum { ARGUMENTS = 48 };

static bool lacks(const char *text, const char *word)
{
    return strstr(text, word) == NULL;
}

static const char *why_not(const char *top)
{
    if (top == NULL)
        return "BULKHEAD_TEST_CGROUP names no delegated cgroup v2 (see tests/support/with-cgroup)";
    const char *controllers = delegated_read(top, "cgroup.subtree_control");
    if (lacks(controllers, "memory") || lacks(controllers, "pids"))
        return "$BULKHEAD_TEST_CGROUP hands on no memory and pids controllers";
    return access(top, W_OK) < 0 ? "$BULKHEAD_TEST_CGROUP may not be written by this user" : NULL;
}

bool delegated_make(char ret_directory[DELEGATED_PATH])
{
    static unsigned count;
    const char *top = getenv("BULKHEAD_TEST_CGROUP"), *why = why_not(top);
    if (why != NULL) {
        print_message("left out: %s\n", why);
        return false;
    }
    snprintf(ret_directory, DELEGATED_PATH, "%s/test-%d-%u", top, (int)getpid(), count++);
    assert_int_equal(mkdir(ret_directory, 0755), 0);
    if (geteuid() == 0) /* as systemd marks what it delegates */
        assert_int_equal(setxattr(ret_directory, "trusted.delegate", "1", 1, 0), 0);
    return true;
}

void delegated_remove(const char *directory)
{
    assert_string_equal(delegated_read(directory, "cgroup.subtree_control"), "");
    assert_string_equal(delegated_read(directory, "cgroup.procs"), "");
    assert_int_equal(rmdir(directory), 0); /* fails if there is a cgroup below */
}

/* By a shell that goes there before it becomes the program. */
static void wrap(const char *directory, const char *const *argv, const char *ret_argv[ARGUMENTS])
{
    static char program[1024];
    const char *build = getenv("BULKHEAD_BUILD");
    size_t count = 0;
    snprintf(program, sizeof program, "%s/%s", build != NULL ? build : "build/release", argv[0]);
    ret_argv[count++] = "sh";
    ret_argv[count++] = "-c";
    ret_argv[count++] = "echo 0 >\"$0/cgroup.procs\" && exec \"$@\"";
    ret_argv[count++] = directory;
    ret_argv[count++] = program;
    for (size_t i = 1; argv[i] != NULL; i++) {
        assert_true(count < ARGUMENTS - 1);
        ret_argv[count++] = argv[i];
    }
    ret_argv[count] = NULL;
}

void delegated_run(const char *directory, const char *const *argv, struct process_result *ret_result)
{
    const char *wrapped[ARGUMENTS];
    wrap(directory, argv, wrapped);
    process_run(wrapped, NULL, ret_result);
}

pid_t delegated_start(const char *directory, const char *const *argv, int *ret_out_fd)
{
    const char *wrapped[ARGUMENTS];
    wrap(directory, argv, wrapped);
    return process_start(wrapped, NULL, ret_out_fd);
}

void delegated_enter(const char *directory)
{
    delegated_write(directory, "cgroup.procs", "0");
}

const char *delegated_read(const char *directory, const char *file)
{
    static char text[4096];
    _fd_cleanup_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || cgroup_file_read(fd, file, text, sizeof text) < 0)
        text[0] = '\0';
    return text;
}

void delegated_write(const char *directory, const char *file, const char *text)
{
    _fd_cleanup_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error = cgroup_file_write(fd, file, text);
    if (error < 0)
        fail_msg("%s/%s: \"%s\" is refused: %s", directory, file, text, strerror(-error));
}

uint64_t delegated_read_key(const char *directory, const char *file, const char *key)
{
    uint64_t number = 0;
    _fd_cleanup_ int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(cgroup_file_read_key(fd, file, key, &number), 0);
    return number;
}

pid_t delegated_pid(const char *directory)
{
    return (pid_t)atoi(delegated_read(directory, "cgroup.procs"));
}
