/* The directory of crash reports: numbers, bounds, several writers, and files that anybody may have put there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/crash/crash_store.h"
#include "common/fd.h"
#include "tests/support/scratch.h"

enum { WRITERS = 4, REPORTS_EACH = 15 };

static const struct crash_store_bounds plenty = {1000, 1ull << 30};

struct fixture {
    void *scratch;
    int fds_before;
    char directory[SCRATCH_PATH]; // does not exist yet
    struct crash_store *store;
    struct crash_report *report;
};

/* Linked in place of the system's (Makefile): a file system that cannot rename without replacing. */
int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
static bool cannot_rename;
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (!cannot_rename)
        return __real_renameat2(from_fd, from, to_fd, to, flags);
    errno = EINVAL;
    return -1;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    char why[256];
    static const char text[] = "{\"format\": \"bulkhead crash report\", \"schema\": 1, \"end\": {\"pid\": 0}}";
    cannot_rename = false;
    assert_int_equal(scratch_make(&f->scratch), 0);
    scratch_path(&f->scratch, "state/bulkhead/crashes", f->directory);
    f->fds_before = fd_count_open();
    assert_int_equal(crash_report_parse(text, sizeof text - 1, &f->report, why, sizeof why), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    crash_store_close(f->store);
    crash_report_free(f->report);
    assert_int_equal(fd_count_open(), f->fds_before);
    scratch_remove(&f->scratch);
    free(f);
    return 0;
}

static struct crash_store *open_store(struct fixture *f)
{
    char why[PATH_MAX] = "";
    crash_store_close(f->store);
    f->store = NULL;
    int r = crash_store_open(f->directory, CRASH_STORE_WRITE, &f->store, why, sizeof why);
    if (r < 0)
        fail_msg("%s", why);
    return f->store;
}

/* -errno, with why it says in ret_why. */
static int try_open(const char *directory, enum crash_store_use use, char why[256])
{
    struct crash_store *store = NULL;
    why[0] = '\0';
    int r = crash_store_open(directory, use, &store, why, 256);
    assert_true((r == 0) == (store != NULL));
    assert_true((r == 0) == (why[0] == '\0'));
    crash_store_close(store);
    return r;
}

/* The report's pid tells which it was. */
static uint32_t add(struct fixture *f, uint64_t pid, const struct crash_store_bounds *bounds)
{
    uint32_t number = 0;
    f->report->end.pid = pid;
    assert_int_equal(crash_store_add(f->store, f->report, bounds, &number), 0);
    assert_true(number > 0);
    return number;
}

static uint64_t pid_of(const struct crash_store *store, uint32_t number)
{
    struct crash_report *report = NULL;
    char why[256];
    assert_int_equal(crash_store_read(store, number, &report, why, sizeof why), 0);
    uint64_t pid = report->end.pid;
    crash_report_free(report);
    return pid;
}

static size_t count_reports(const struct crash_store *store)
{
    uint32_t *numbers;
    size_t count;
    assert_int_equal(crash_store_list(store, &numbers, &count), 0);
    for (size_t i = 1; i < count; i++)
        assert_true(numbers[i - 1] < numbers[i]);
    free(numbers);
    return count;
}

/* Files in the directory, whatever they are. */
static size_t count_files(const struct fixture *f)
{
    size_t count = 0;
    DIR *directory = opendir(f->directory);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(directory);
    return count;
}

static void put(const struct fixture *f, const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static bool exists(const struct fixture *f, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    return lstat(path, &st) == 0;
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 07777;
}

static void numbers_grow_and_each_report_reads_back(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    umask(0); /* modes are not left to it */
    open_store(f);
    for (uint32_t i = 1; i <= 12; i++)
        assert_int_equal(add(f, 100 + i, &plenty), i);
    assert_int_equal(count_reports(f->store), 12);
    for (uint32_t i = 1; i <= 12; i++)
        assert_int_equal(pid_of(f->store, i), 100 + i);
    crash_store_path(f->store, 7, path, sizeof path);
    assert_non_null(strstr(path, "/state/bulkhead/crashes/crash-0007.json"));
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(f->directory), 0700);
    *strrchr(path, '/') = '\0';
    *strrchr(path, '/') = '\0';
    assert_int_equal(mode_of(path), 0700);
    umask(022);
    assert_int_equal(count_files(f), 12); /* and nothing temporary */
}

static void the_number_goes_on_from_the_highest_there_is(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    put(f, "crash-12345.json", "");
    put(f, "crash-99999.txt", "");
    assert_int_equal(add(f, 1, &plenty), 12346);
}

static void the_last_number_is_not_passed(void **state)
{
    struct fixture *f = *state;
    uint32_t number;
    open_store(f);
    put(f, "crash-999999999.json", "");
    assert_int_equal(crash_store_add(f->store, f->report, &plenty, &number), -EOVERFLOW);
    assert_int_equal(count_files(f), 1);
}

static void the_oldest_make_room_for_the_newest_by_number(void **state)
{
    static const struct crash_store_bounds three = {3, 1ull << 30};
    struct fixture *f = *state;
    open_store(f);
    for (uint32_t i = 1; i <= 10; i++)
        add(f, i, &three);
    uint32_t *numbers;
    size_t count;
    assert_int_equal(crash_store_list(f->store, &numbers, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(numbers[0], 8);
    assert_int_equal(numbers[2], 10);
    free(numbers);
}

static void the_oldest_make_room_for_the_newest_by_size(void **state)
{
    struct fixture *f = *state;
    open_store(f);
    uint32_t first = add(f, 1, &plenty);
    uint64_t size = crash_store_size_bytes(f->store, first);
    assert_true(size > 100);
    const struct crash_store_bounds four = {1000, 4 * size + size / 2};
    for (uint32_t i = 2; i <= 9; i++)
        add(f, i, &four);
    assert_int_equal(count_reports(f->store), 4);
    assert_int_equal(pid_of(f->store, 9), 9);
    assert_int_equal(crash_store_size_bytes(f->store, 1), 0);
}

static void the_newest_stays_even_if_it_alone_is_too_large(void **state)
{
    static const struct crash_store_bounds tight = {5, 10};
    struct fixture *f = *state;
    open_store(f);
    add(f, 1, &plenty);
    uint32_t newest = add(f, 2, &tight);
    assert_int_equal(count_reports(f->store), 1);
    assert_int_equal(pid_of(f->store, newest), 2);
}

static void files_of_other_names_are_neither_counted_nor_removed(void **state)
{
    static const char *const others[] = {
        "notes.txt",        "crash-0.json",    "crash-0000.json", "crash-7.json",     "crash-00007.json",
        "crash-0007.json~", "crash--007.json", "crash-+007.json", "xcrash-0007.json", "crash-1000000000.json"};
    static const struct crash_store_bounds one = {1, 1ull << 30};
    struct fixture *f = *state;
    size_t removed;
    uint32_t kept;
    open_store(f);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        put(f, others[i], "mine");
    assert_int_equal(add(f, 1, &one), 1);
    assert_int_equal(add(f, 2, &one), 2);
    assert_int_equal(count_reports(f->store), 1);
    assert_int_equal(crash_store_clear(f->store, &removed, &kept), 0);
    assert_int_equal(removed, 1);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_true(exists(f, others[i]));
}

static void what_a_killed_writer_left_is_swept_once_it_is_old(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    struct timespec old[2] = {{.tv_sec = time(NULL) - 7200}, {.tv_sec = time(NULL) - 7200}};
    open_store(f);
    put(f, ".crash-0123456789abcdef.tmp", "half");
    put(f, ".crash-fedcba9876543210.tmp", "of another broker, just now");
    snprintf(path, sizeof path, "%s/.crash-0123456789abcdef.tmp", f->directory);
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    add(f, 1, &plenty);
    assert_false(exists(f, ".crash-0123456789abcdef.tmp"));
    assert_true(exists(f, ".crash-fedcba9876543210.tmp"));
}

static void clearing_removes_every_report(void **state)
{
    struct fixture *f = *state;
    size_t removed;
    uint32_t kept;
    open_store(f);
    for (uint32_t i = 0; i < 5; i++)
        add(f, i, &plenty);
    assert_int_equal(crash_store_clear(f->store, &removed, &kept), 0);
    assert_int_equal(removed, 5);
    assert_int_equal(count_files(f), 0);
    assert_int_equal(crash_store_clear(f->store, &removed, &kept), 0);
    assert_int_equal(removed, 0);
}

static void clearing_names_the_first_that_stays(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    size_t removed;
    uint32_t kept;
    open_store(f);
    add(f, 1, &plenty);
    for (int number = 2; number <= 3;
         number++) { /* a directory by that name: nothing of ours, and not to be unlinked */
        snprintf(path, sizeof path, "%s/crash-%04d.json", f->directory, number);
        assert_int_equal(mkdir(path, 0700), 0);
    }
    add(f, 4, &plenty);
    assert_int_equal(crash_store_clear(f->store, &removed, &kept), -EISDIR);
    assert_int_equal(removed, 2);
    assert_int_equal(kept, 2);
    assert_int_equal(count_files(f), 2);
}

static void write_many(struct fixture *f, unsigned writer, const struct crash_store_bounds *bounds)
{
    uint32_t number;
    open_store(f);
    for (unsigned i = 0; i < REPORTS_EACH; i++) {
        f->report->end.pid = writer * 1000 + i;
        if (crash_store_add(f->store, f->report, bounds, &number) < 0)
            _exit(1);
    }
    _exit(0);
}

static void run_writers(struct fixture *f, const struct crash_store_bounds *bounds)
{
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            write_many(f, writer, bounds);
    }
    for (unsigned writer = 0; writer < WRITERS; writer++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
}

static void assert_all_are_there(struct fixture *f)
{
    bool seen[WRITERS][REPORTS_EACH] = {{false}};
    uint32_t *numbers;
    size_t count;
    open_store(f);
    assert_int_equal(crash_store_list(f->store, &numbers, &count), 0);
    assert_int_equal(count, WRITERS * REPORTS_EACH);
    for (size_t i = 0; i < count; i++) {
        uint64_t pid = pid_of(f->store, numbers[i]);
        assert_false(seen[pid / 1000][pid % 1000]);
        seen[pid / 1000][pid % 1000] = true;
    }
    free(numbers);
    assert_int_equal(count_files(f), count);
}

static void several_brokers_at_once_lose_no_report_and_write_none_twice(void **state)
{
    run_writers(*state, &plenty);
    assert_all_are_there(*state);
}

static void without_a_rename_that_refuses_to_replace_it_is_the_same(void **state)
{
    cannot_rename = true;
    run_writers(*state, &plenty);
    assert_all_are_there(*state);
}

static void several_brokers_at_once_keep_the_bound(void **state)
{
    static const struct crash_store_bounds seven = {7, 1ull << 30};
    struct fixture *f = *state;
    run_writers(f, &seven);
    open_store(f);
    assert_int_equal(count_reports(f->store), 7);
    assert_int_equal(count_files(f), 7);
}

/* In a child: a limit on the size of files stands for a full disk. */
static int write_on_a_full_disk(struct fixture *f)
{
    const struct rlimit limit = {200, 200};
    uint32_t number;
    open_store(f);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    int r = crash_store_add(f->store, f->report, &plenty, &number);
    return r == -EFBIG && count_files(f) == 0 ? 0 : 1;
}

static void a_full_disk_leaves_nothing_behind(void **state)
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(write_on_a_full_disk(*state));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_directory_that_is_not_ours_alone_is_refused(void **state)
{
    struct fixture *f = *state;
    char path[SCRATCH_PATH], link_path[SCRATCH_PATH], why[256];
    scratch_path(&f->scratch, "shared", path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(try_open(path, CRASH_STORE_WRITE, why), 0);
    assert_int_equal(chmod(path, 0777), 0);
    assert_int_equal(try_open(path, CRASH_STORE_WRITE, why), -EPERM);
    assert_non_null(strstr(why, "can be written to by others"));
    assert_int_equal(chmod(path, 0755), 0); /* to be looked at is no harm: the files are 0600 */
    assert_int_equal(try_open(path, CRASH_STORE_WRITE, why), 0);
    assert_int_equal(symlink(path, scratch_path(&f->scratch, "link", link_path)), 0);
    assert_true(try_open(link_path, CRASH_STORE_WRITE, why) < 0);
    scratch_write(&f->scratch, "file", "", 0);
    assert_int_equal(try_open(scratch_path(&f->scratch, "file", link_path), CRASH_STORE_WRITE, why), -ENOTDIR);
    if (geteuid() != 0) {
        assert_int_equal(try_open("/usr", CRASH_STORE_WRITE, why), -EPERM);
    } else {
        assert_int_equal(chown(path, 12345, 12345), 0);
        assert_int_equal(try_open(path, CRASH_STORE_WRITE, why), -EPERM);
    }
    assert_non_null(strstr(why, "belongs to another user"));
}

static void a_directory_of_anybodys_is_read_but_not_changed(void **state)
{
    struct fixture *f = *state;
    char link_path[SCRATCH_PATH], why[256];
    open_store(f);
    add(f, 7, &plenty);
    assert_int_equal(symlink(f->directory, scratch_path(&f->scratch, "link", link_path)), 0);
    assert_int_equal(try_open(link_path, CRASH_STORE_READ, why), 0);
    assert_true(try_open(link_path, CRASH_STORE_REMOVE, why) < 0);
    assert_int_equal(chmod(f->directory, 0777), 0);
    assert_int_equal(try_open(f->directory, CRASH_STORE_READ, why), 0);
    assert_int_equal(try_open(f->directory, CRASH_STORE_REMOVE, why), -EPERM);
    assert_non_null(strstr(why, "chmod go-w"));
    assert_int_equal(try_open(geteuid() != 0 ? "/usr" : f->directory, CRASH_STORE_READ, why), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(f->directory, 12345, 12345), 0);
        crash_store_close(f->store);
        f->store = NULL;
        assert_int_equal(crash_store_open(f->directory, CRASH_STORE_READ, &f->store, why, sizeof why), 0);
        assert_int_equal(pid_of(f->store, 1), 7);
    }
    assert_int_equal(try_open(geteuid() != 0 ? "/usr" : f->directory, CRASH_STORE_REMOVE, why), -EPERM);
    assert_non_null(strstr(why, "belongs to another user"));
}

static void a_directory_that_cannot_be_made_is_named(void **state)
{
    struct fixture *f = *state;
    char why[256];
    assert_int_equal(try_open("/proc/self/crashes", CRASH_STORE_WRITE, why), -ENOENT);
    assert_non_null(strstr(why, "/proc/self/crashes"));
    assert_int_equal(try_open(f->directory, CRASH_STORE_READ, why), -ENOENT);
    assert_int_equal(try_open("/\033[2J", CRASH_STORE_READ, why), -ENOENT);
    assert_non_null(strstr(why, "/\\x1b[2J"));
    char *endless = malloc(2 * PATH_MAX);
    memset(endless, 'a', 2 * PATH_MAX - 1);
    endless[2 * PATH_MAX - 1] = '\0';
    assert_int_equal(try_open(endless, CRASH_STORE_WRITE, why), -ENAMETOOLONG);
    free(endless);
}

static void the_users_own_directory_follows_the_environment(void **state)
{
    struct fixture *f = *state;
    char home[SCRATCH_PATH], below[PATH_MAX], expected[PATH_MAX], why[PATH_MAX],
        *saved_state = strdup(getenv("XDG_STATE_HOME"));
    const char *saved_home = getenv("HOME");
    scratch_path(&f->scratch, "home", home);
    assert_int_equal(mkdir(home, 0700), 0);
    setenv("XDG_STATE_HOME", "relative", 1); /* not to be used */
    setenv("HOME", home, 1);
    assert_int_equal(crash_store_open(NULL, CRASH_STORE_WRITE, &f->store, why, sizeof why), 0);
    snprintf(expected, sizeof expected, "%s/.local/state/bulkhead/crashes", home);
    assert_string_equal(crash_store_directory(f->store), expected);
    setenv("HOME", geteuid() != 0 ? "/usr" : home, 1);
    if (geteuid() == 0)
        assert_int_equal(chown(home, 12345, 12345), 0);
    assert_int_equal(try_open(NULL, CRASH_STORE_WRITE, why), -EPERM);
    assert_non_null(strstr(why, "another user's"));
    assert_int_equal(try_open(NULL, CRASH_STORE_READ, why), geteuid() != 0 ? -ENOENT : 0); /* to look is no harm */
    if (geteuid() == 0) {
        snprintf(below, sizeof below, "%s/not/yet", home);
        setenv("XDG_STATE_HOME", below, 1);
        assert_int_equal(try_open(NULL, CRASH_STORE_WRITE, why), -EPERM);
        assert_non_null(strstr(why, "XDG_STATE_HOME is another user's"));
        assert_int_equal(access(below, F_OK), -1);
        assert_int_equal(chmod(home, 01777), 0); /* as /tmp is */
        assert_int_equal(try_open(NULL, CRASH_STORE_WRITE, why), 0);
        setenv("XDG_STATE_HOME", "relative", 1);
    }
    unsetenv("HOME");
    assert_int_equal(try_open(NULL, CRASH_STORE_WRITE, why), -ENXIO);
    setenv("XDG_STATE_HOME", saved_state, 1);
    if (saved_home != NULL)
        setenv("HOME", saved_home, 1);
    free(saved_state);
}

static void expect_unreadable(struct fixture *f, uint32_t number, int r, const char *words)
{
    struct crash_report *report;
    char why[256];
    assert_int_equal(crash_store_read(f->store, number, &report, why, sizeof why), r);
    if (strstr(why, words) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", words, why);
}

static void files_that_are_no_reports_are_refused_when_read(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX];
    open_store(f);
    expect_unreadable(f, 1, -ENOENT, "No such file");
    put(f, "crash-0001.json", "");
    expect_unreadable(f, 1, -EINVAL, "it is empty");
    put(f, "crash-0002.json",
        "{\"format\": \"bulkhead crash report\", \"schema\": 1, \"end\": {\"pid\": \"\\u001b\"}}");
    expect_unreadable(f, 2, -EINVAL, "pid");
    crash_store_path(f->store, 3, path, sizeof path);
    assert_int_equal(mkfifo(path, 0600), 0); /* must not be waited for */
    expect_unreadable(f, 3, -EINVAL, "not a regular file");
    crash_store_path(f->store, 4, path, sizeof path);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    expect_unreadable(f, 4, -EINVAL, "not a regular file");
    put(f, "crash-0005.json", "{}");
    crash_store_path(f->store, 5, path, sizeof path);
    assert_int_equal(truncate(path, CRASH_REPORT_JSON_BYTES + 1), 0);
    expect_unreadable(f, 5, -EINVAL, "too large");
    crash_store_path(f->store, 6, path, sizeof path);
    assert_int_equal(mkdir(path, 0700), 0);
    expect_unreadable(f, 6, -EINVAL, "not a regular file");
    assert_int_equal(count_reports(f->store), 6);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(numbers_grow_and_each_report_reads_back),
        TEST(the_number_goes_on_from_the_highest_there_is),
        TEST(the_last_number_is_not_passed),
        TEST(the_oldest_make_room_for_the_newest_by_number),
        TEST(the_oldest_make_room_for_the_newest_by_size),
        TEST(the_newest_stays_even_if_it_alone_is_too_large),
        TEST(files_of_other_names_are_neither_counted_nor_removed),
        TEST(what_a_killed_writer_left_is_swept_once_it_is_old),
        TEST(clearing_removes_every_report),
        TEST(clearing_names_the_first_that_stays),
        TEST(several_brokers_at_once_lose_no_report_and_write_none_twice),
        TEST(without_a_rename_that_refuses_to_replace_it_is_the_same),
        TEST(several_brokers_at_once_keep_the_bound),
        TEST(a_full_disk_leaves_nothing_behind),
        TEST(a_directory_that_is_not_ours_alone_is_refused),
        TEST(a_directory_of_anybodys_is_read_but_not_changed),
        TEST(a_directory_that_cannot_be_made_is_named),
        TEST(the_users_own_directory_follows_the_environment),
        TEST(files_that_are_no_reports_are_refused_when_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
