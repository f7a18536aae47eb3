#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/output/output.h"
#include "common/fd.h"

/* A directory of its own for each test; everything in it is removed. */
struct place {
    char directory[64];
    int fds_before;
};

static int setup(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    strcpy(place->directory, "/tmp/bulkhead-test-output-XXXXXX");
    if (!mkdtemp(place->directory))
        return -1;
    place->fds_before = fd_count_open();
    *state = place;
    return 0;
}

static int teardown(void **state)
{
    struct place *place = *state;
    int leaked = fd_count_open() - place->fds_before;
    DIR *directory = opendir(place->directory);
    struct dirent *entry;
    while (directory && (entry = readdir(directory))) {
        if (unlinkat(dirfd(directory), entry->d_name, 0) < 0)
            unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
    }
    closedir(directory);
    rmdir(place->directory);
    free(place);
    return leaked;
}

static const char *path_in(const struct place *place, const char *name)
{
    static char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", place->directory, name);
    return path;
}

static size_t entries(const struct place *place)
{
    size_t count = 0;
    DIR *directory = opendir(place->directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_content(const char *path, const char *expected)
{
    char text[64] = "";
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t length = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[length] = '\0';
    assert_string_equal(text, expected);
}

static void file_appears_only_when_committed(void **state)
{
    struct place *place = *state;
    struct output *output = NULL;
    assert_int_equal(output_open(path_in(place, "a"), NULL, -1, &output), 0);
    assert_int_equal(output_write(output, "hello", 5), 0);
    assert_int_equal(access(path_in(place, "a"), F_OK), -1);
    assert_int_equal(output_commit(output), 0);
    assert_content(path_in(place, "a"), "hello");
    assert_int_equal(entries(place), 1);
}

static void committed_file_replaces_an_old_one_at_once(void **state)
{
    struct place *place = *state;
    struct output *output = NULL;
    write_file(path_in(place, "a"), "old");
    assert_int_equal(output_open(path_in(place, "a"), NULL, -1, &output), 0);
    assert_int_equal(output_write(output, "new", 3), 0);
    assert_content(path_in(place, "a"), "old");
    assert_int_equal(output_commit(output), 0);
    assert_content(path_in(place, "a"), "new");
    assert_int_equal(entries(place), 1);
}

static void abandoned_file_leaves_nothing(void **state)
{
    struct place *place = *state;
    struct output *output = NULL;
    write_file(path_in(place, "a"), "old");
    assert_int_equal(output_open(path_in(place, "a"), NULL, -1, &output), 0);
    assert_int_equal(output_write(output, "new", 3), 0);
    output_abandon(output);
    assert_content(path_in(place, "a"), "old");
    assert_int_equal(entries(place), 1);
}

static void more_than_the_buffer_arrives_whole(void **state)
{
    struct place *place = *state;
    struct output *output = NULL;
    struct stat st;
    size_t size = 300 * 1000;
    char *data = malloc(size);
    memset(data, 'x', size);
    assert_int_equal(output_open(path_in(place, "a"), NULL, -1, &output), 0);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(output_write(output, data, 1001), 0);
    assert_int_equal(output_write(output, data, size), 0);
    assert_int_equal(output_commit(output), 0);
    free(data);
    assert_int_equal(stat(path_in(place, "a"), &st), 0);
    assert_int_equal(st.st_size, 1001000 + 300000);
}

static void inputs_are_never_overwritten(void **state)
{
    struct place *place = *state;
    struct output_guard guard = {0};
    struct output *output = NULL;
    char link_path[PATH_MAX];
    write_file(path_in(place, "in"), "precious");
    assert_int_equal(output_guard_add(&guard, path_in(place, "in"), OUTPUT_IS_INPUT), 0);
    assert_int_equal(output_open(path_in(place, "in"), &guard, -1, &output), OUTPUT_IS_INPUT);
    snprintf(link_path, sizeof(link_path), "%s", path_in(place, "hard"));
    assert_int_equal(link(path_in(place, "in"), link_path), 0);
    assert_int_equal(output_check(link_path, &guard), OUTPUT_IS_INPUT);
    snprintf(link_path, sizeof(link_path), "%s", path_in(place, "soft"));
    assert_int_equal(symlink("in", link_path), 0);
    assert_int_equal(output_check(link_path, &guard), OUTPUT_IS_INPUT);
    output_guard_fini(&guard);
    assert_content(path_in(place, "in"), "precious");
}

static void the_runs_own_records_are_never_overwritten(void **state)
{
    struct place *place = *state;
    struct output_guard guard = {0};
    write_file(path_in(place, "in"), "precious");
    assert_int_equal(output_guard_add(&guard, path_in(place, "in"), OUTPUT_IS_INPUT), 0);
    write_file(path_in(place, "trace"), "[]");
    assert_int_equal(output_guard_add(&guard, path_in(place, "trace"), OUTPUT_IS_RECORD), 0);
    assert_int_equal(output_check(path_in(place, "trace"), &guard), OUTPUT_IS_RECORD);
    assert_int_equal(output_check(path_in(place, "in"), &guard), OUTPUT_IS_INPUT);
    output_guard_fini(&guard);
}

static void link_keeps_pointing_at_what_is_replaced(void **state)
{
    struct place *place = *state;
    struct output *output = NULL;
    struct stat st;
    char link_path[PATH_MAX];
    write_file(path_in(place, "real"), "old");
    snprintf(link_path, sizeof(link_path), "%s", path_in(place, "link"));
    assert_int_equal(symlink("real", link_path), 0);
    assert_int_equal(output_open(link_path, NULL, -1, &output), 0);
    output_write(output, "new", 3);
    assert_int_equal(output_commit(output), 0);
    assert_int_equal(lstat(link_path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_content(path_in(place, "real"), "new");
}

static void bad_targets_are_told_apart(void **state)
{
    struct place *place = *state;
    struct output *output = NULL;
    assert_int_equal(output_check(place->directory, NULL), -EISDIR);
    assert_int_equal(output_check(path_in(place, "new/"), NULL), -EISDIR);
    assert_int_equal(output_check(path_in(place, "no/such/directory"), NULL), -ENOENT);
    assert_int_equal(output_open("", NULL, -1, &output), -ENOENT);
    write_file(path_in(place, "file"), "x");
    assert_int_equal(output_check(path_in(place, "file/below"), NULL), -ENOTDIR);
}

static void fifo_without_a_reader_does_not_block(void **state)
{
    struct place *place = *state;
    struct output *output = NULL;
    assert_int_equal(mkfifo(path_in(place, "fifo"), 0600), 0);
    assert_int_equal(output_open(path_in(place, "fifo"), NULL, -1, &output), -ENXIO);
}

static void devices_are_written_to_and_not_replaced(void **state)
{
    struct output *output = NULL;
    struct stat st;
    (void)state;
    assert_int_equal(output_open("/dev/null", NULL, -1, &output), 0);
    assert_int_equal(output_write(output, "x", 1), 0);
    assert_int_equal(output_commit(output), 0);
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
}

static void full_disk_is_reported(void **state)
{
    struct output *output = NULL;
    (void)state;
    assert_int_equal(output_open("/dev/full", NULL, -1, &output), 0);
    assert_int_equal(output_write(output, "x", 1), 0);
    assert_int_equal(output_commit(output), -ENOSPC);
}

/* Puts the write end of a pipe at stdout for the test. */
static int swap_stdout(int fd)
{
    int saved = dup(STDOUT_FILENO);
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    return saved;
}

static void restore_stdout(int saved)
{
    dup2(saved, STDOUT_FILENO);
    close(saved);
}

static void closed_pipe_is_reported(void **state)
{
    struct output *output = NULL;
    int pipe_fds[2];
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    close(pipe_fds[0]);
    int saved = swap_stdout(pipe_fds[1]);
    int opened = output_open("-", NULL, -1, &output);
    int written = opened == 0 ? output_write(output, "x", 1) : 0;
    int committed = opened == 0 ? output_commit(output) : 0;
    restore_stdout(saved);
    close(pipe_fds[1]);
    assert_int_equal(opened, 0);
    assert_int_equal(written, 0);
    assert_int_equal(committed, -EPIPE);
}

static void write_that_waits_for_a_reader_can_be_cancelled(void **state)
{
    struct output *output = NULL;
    int pipe_fds[2];
    static char data[512 * 1024];
    (void)state;
    assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
    int cancel_fd = eventfd(1, EFD_CLOEXEC);
    int saved = swap_stdout(pipe_fds[1]);
    int opened = output_open("-", NULL, cancel_fd, &output);
    int written = opened == 0 ? output_write(output, data, sizeof(data)) : 0;
    restore_stdout(saved);
    output_abandon(output);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(cancel_fd);
    assert_int_equal(written, -ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(file_appears_only_when_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(committed_file_replaces_an_old_one_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(abandoned_file_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(more_than_the_buffer_arrives_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(inputs_are_never_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(the_runs_own_records_are_never_overwritten, setup, teardown),
        cmocka_unit_test_setup_teardown(link_keeps_pointing_at_what_is_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_targets_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(fifo_without_a_reader_does_not_block, setup, teardown),
        cmocka_unit_test_setup_teardown(devices_are_written_to_and_not_replaced, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(closed_pipe_is_reported, setup, teardown),
        cmocka_unit_test_setup_teardown(write_that_waits_for_a_reader_can_be_cancelled, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
