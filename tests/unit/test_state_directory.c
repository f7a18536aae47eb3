// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/state_directory.h"
#include "tests/support/scratch.h"

static void the_xdg_directory_goes_before_home(void **state)
{
    char path[PATH_MAX];
    (void)state;
    setenv("XDG_STATE_HOME", "/state", 1);
    setenv("HOME", "/home/ann", 1);
    assert_int_equal(state_directory_path("crashes", path, sizeof(path)), 0);
    assert_string_equal(path, "/state/bulkhead/crashes");
    unsetenv("XDG_STATE_HOME");
    assert_int_equal(state_directory_path("crashes", path, sizeof(path)), 0);
    assert_string_equal(path, "/home/ann/.local/state/bulkhead/crashes");
}

static void a_relative_directory_is_ignored_and_none_at_all_is_said(void **state)
{
    char path[PATH_MAX];
    (void)state;
    setenv("XDG_STATE_HOME", "state", 1);
    setenv("HOME", "/home/ann", 1);
    assert_int_equal(state_directory_path("x", path, sizeof(path)), 0);
    assert_string_equal(path, "/home/ann/.local/state/bulkhead/x");
    setenv("HOME", "", 1);
    assert_int_equal(state_directory_path("x", path, sizeof(path)), -ENOENT);
    unsetenv("HOME");
    unsetenv("XDG_STATE_HOME");
    assert_int_equal(state_directory_path("x", path, sizeof(path)), -ENOENT);
}

static void a_path_that_does_not_fit_is_no_path(void **state)
{
    char path[20];
    (void)state;
    setenv("XDG_STATE_HOME", "/a/rather/long/way", 1);
    assert_int_equal(state_directory_path("x", path, sizeof(path)), -ENAMETOOLONG);
}

static void parents_are_made_for_their_owner_alone(void **state)
{
    char path[SCRATCH_PATH], parent[SCRATCH_PATH];
    struct stat st;
    scratch_path(state, "a/b/file", path);
    assert_int_equal(state_directory_make_parents(path), 0);
    assert_int_equal(state_directory_make_parents(path), 0);
    assert_int_equal(stat(scratch_path(state, "a/b", parent), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(stat(path, &st), -1);
    scratch_write(state, "wall", "x", 1);
    assert_int_equal(state_directory_make_parents(scratch_path(state, "wall/b/file", path)), -ENOTDIR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_xdg_directory_goes_before_home),
        TEST(a_relative_directory_is_ignored_and_none_at_all_is_said),
        TEST(a_path_that_does_not_fit_is_no_path),
        TEST(parents_are_made_for_their_owner_alone),
    };
    return cmocka_run_group_tests_name("state_directory", tests, NULL, NULL);
}
