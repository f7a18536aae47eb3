/* Finding, dividing and putting back a cgroup against a tree that is played (tests/support/fake_cgroup.h); what a real
 * kernel makes of it is in tests/integration/test_cgroup_limits.c. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "broker/limits/cgroup.h"
#include "broker/limits/cgroup_files.h"
#include "broker/limits/cgroup_find.h"
#include "broker/limits/oom.h"
#include "common/fd.h"
#include "tests/support/fake_cgroup.h"

static const struct cgroup_limits limits = {.memory_bytes = 256 << 20, .tasks = 8, .cpu_weight = 50};

/* A process that ends when told to, for trees that hold somebody else. */
static pid_t start_child(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not end it */
        pause();
        _exit(0);
    }
    assert_true(pid > 0);
    return pid;
}

static void end_child(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* A number no process has: it was a child's that was reaped. */
static pid_t dead_pid(void)
{
    pid_t pid = start_child();
    end_child(pid);
    return pid;
}

static const char *own_directory(void)
{
    static char name[32];
    snprintf(name, sizeof name, "bulkhead-%d", (int)getpid());
    return name;
}

static const char *own(const char *file)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", own_directory(), file);
    return path;
}

static struct cgroup *divide(const struct fake_cgroup *fake)
{
    struct cgroup *cgroup = NULL;
    char why[256] = "";
    int error = cgroup_create(fake->proc, &cgroup, why, sizeof why);
    if (error < 0)
        print_message("%s\n", why);
    assert_int_equal(error, 0);
    return cgroup;
}

/* Refused with this reason, and nothing was touched. */
static void assert_refused(const struct fake_cgroup *fake, int error, const char *reason)
{
    struct cgroup *cgroup = NULL;
    char why[256] = "", *before = fake_cgroup_list(fake);
    unsigned writes = fake_cgroup_writes("");
    int fds = fd_count_open();
    assert_int_equal(cgroup_create(fake->proc, &cgroup, why, sizeof why), -error);
    assert_null(cgroup);
    if (strstr(why, reason) == NULL)
        print_message("\"%s\" is not in \"%s\"\n", reason, why);
    assert_non_null(strstr(why, reason));
    char *after = fake_cgroup_list(fake);
    assert_string_equal(before, after);
    assert_int_equal(fake_cgroup_writes(""), writes);
    assert_int_equal(fd_count_open(), fds);
    free(before);
    free(after);
}

static void a_value_is_one_number_or_max(void **state)
{
    static const struct {
        const char *text;
        int error;
        uint64_t number;
    } cases[] = {
        {"8\n", 0, 8},
        {"0\n", 0, 0},
        {"max\n", 0, CGROUP_UNLIMITED},
        {"18446744073709551615\n", 0, UINT64_MAX},
        {"18446744073709551616\n", -EBADMSG, 0},
        {"", -EBADMSG, 0},
        {"\n", -EBADMSG, 0},
        {"-1\n", -EBADMSG, 0},
        {" 1\n", -EBADMSG, 0},
        {"1 2\n", -EBADMSG, 0},
        {"1\n2\n", -EBADMSG, 0},
        {"maximum\n", -EBADMSG, 0},
        {"1234567890123456789012345678901234567890123456789012345678901234567890\n", -EMSGSIZE, 0},
    };
    const struct fake_cgroup *fake = *state;
    _fd_cleanup_ int tree = open(fake->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t number = 77;
        fake_cgroup_set(fake, "cgroup.value", cases[i].text);
        assert_int_equal(cgroup_file_read_number(tree, "cgroup.value", &number), cases[i].error);
        assert_int_equal(number, cases[i].error == 0 ? cases[i].number : 77);
    }
    uint64_t number;
    assert_int_equal(cgroup_file_read_number(tree, "cgroup.nothing", &number), -ENOENT);
}

static void a_key_is_found_by_its_whole_name(void **state)
{
    const struct fake_cgroup *fake = *state;
    uint64_t number = 77;
    _fd_cleanup_ int tree = open(fake->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    fake_cgroup_set(fake, "memory.events", "low 1\nmax 2\noom 3\noom_kill 4\noom_group_kill 5\nodd x\nlast 6");
    assert_int_equal(cgroup_file_read_key(tree, "memory.events", "oom", &number), 0);
    assert_int_equal(number, 3);
    assert_int_equal(cgroup_file_read_key(tree, "memory.events", "oom_kill", &number), 0);
    assert_int_equal(number, 4);
    assert_int_equal(cgroup_file_read_key(tree, "memory.events", "last", &number), 0);
    assert_int_equal(number, 6);
    assert_int_equal(cgroup_file_read_key(tree, "memory.events", "kill", &number), -ENOENT);
    assert_int_equal(cgroup_file_read_key(tree, "memory.events", "odd", &number), -EBADMSG);
    assert_int_equal(cgroup_file_read_key(tree, "memory.none", "oom", &number), -ENOENT);
    assert_int_equal(number, 6);
}

static void a_word_is_found_whole(void **state)
{
    (void)state;
    assert_true(cgroup_text_has_word("cpuset cpu memory", "cpu"));
    assert_true(cgroup_text_has_word("memory\n", "memory"));
    assert_false(cgroup_text_has_word("cpuset io", "cpu"));
    assert_false(cgroup_text_has_word("cpu", "cpuset"));
    assert_false(cgroup_text_has_word("", "cpu"));
}

static int sum_pid(pid_t pid, void *userdata)
{
    *(long *)userdata += pid;
    return pid == 666 ? -EXDEV : 0;
}

static void processes_are_listed_and_nonsense_is_refused(void **state)
{
    static const struct {
        const char *text;
        int error;
        long sum;
    } cases[] = {
        {"", 0, 0},           {"1\n20\n300\n", 0, 321},      {"0\n", 0, 0},         {"1\n666\n2\n", -EXDEV, 667},
        {"x\n", -EBADMSG, 0}, {"4294967296\n", -EBADMSG, 0}, {"-1\n", -EBADMSG, 0},
    };
    const struct fake_cgroup *fake = *state;
    _fd_cleanup_ int tree = open(fake->tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        long sum = 0;
        fake_cgroup_set(fake, "cgroup.list", cases[i].text);
        assert_int_equal(cgroup_file_each_pid(tree, "cgroup.list", sum_pid, &sum), cases[i].error);
        assert_int_equal(sum, cases[i].sum);
    }
}

struct place {
    const char *cgroup, *mountinfo; /* %s: the tree */
    const char *below;              /* of the tree; NULL: refused */
};

static void our_cgroup_is_found_wherever_it_is_mounted(void **state)
{
    static const struct place places[] = {
        {"0::/\n", "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", ""},
        {"0::/a/b\n", "41 31 0:38 / %s rw shared:9 - cgroup2 none rw\n", "/a/b"},
        /* v1 beside it, as where systemd calls it hybrid */
        {"4:memory:/x\n1:name=systemd:/y\n0::/a\n",
         "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
         "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n",
         "/a"},
        /* only a part of the tree is mounted */
        {"0::/docker/1\n", "41 31 0:38 /docker/1 %s rw - cgroup2 cgroup2 rw\n", ""},
        {"0::/docker/1/in\n", "41 31 0:38 /docker/1 %s rw - cgroup2 cgroup2 rw\n", "/in"},
        {"0::/docker/12\n", "41 31 0:38 /docker/1 %s rw - cgroup2 cgroup2 rw\n", NULL},
        {"0::/other\n",
         "41 31 0:38 /docker/1 /nowhere rw - cgroup2 cgroup2 rw\n42 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", "/other"},
        /* outside of the cgroup namespace, by its path or by its mount */
        {"0::/../x\n", "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", NULL},
        {"0::/..\n", "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", NULL},
        {"0::/a\n", "41 31 0:38 /../.. %s rw - cgroup2 cgroup2 rw\n", NULL},
        {"0::/a\n", "41 31 0:38 /.. %s rw - cgroup2 cgroup2 rw\n", NULL},
        /* odd names */
        {"0::/with: colon\n", "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", "/with: colon"},
        {"0::/with blank\n", "41 31 0:38 /with\\040blank %s rw - cgroup2 cgroup2 rw\n", ""},
        {"0::/a\n", "41 31 0:38 / /x\\040- rw - cgroup2 cgroup2 rw\n41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", NULL},
        /* none at all */
        {"4:memory:/x\n", "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", NULL},
        {"", "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", NULL},
        {"0::\n", "41 31 0:38 / %s rw - cgroup2 cgroup2 rw\n", NULL},
        {"0::/a\n", "41 31 0:38 / %s rw - cgroup cgroup rw,memory\n", NULL},
        {"0::/a\n", "41 31 0:38 / %s rw - cgroup2x cgroup2 rw\n", NULL},
        {"0::/a\n", "41 %s - cgroup2 cgroup2 rw\n", NULL},
        {"0::/a\n", "- cgroup2 %s\n", NULL},
        {"0::/a\n", "", NULL},
    };
    const struct fake_cgroup *fake = *state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char text[512], expected[256], found[256] = "", why[256] = "";
        fake_cgroup_set_proc(fake, "self/cgroup", places[i].cgroup);
        snprintf(text, sizeof text, places[i].mountinfo, fake->tree);
        fake_cgroup_set_proc(fake, "self/mountinfo", text);
        int error = cgroup_find(fake->proc, found, sizeof found, why, sizeof why);
        snprintf(expected, sizeof expected, "%s%s", fake->tree, places[i].below != NULL ? places[i].below : "");
        if (i == 13) /* the first mount that fits is taken, blank and all */
            assert_string_equal(found, "/x -/a");
        else if ((error == 0) != (places[i].below != NULL))
            fail_msg("case %zu: %d, %s", i, error, why);
        else if (error == 0)
            assert_string_equal(found, expected);
        else
            assert_true(error == -ENOENT && why[0] != '\0');
    }
}

static void a_path_that_does_not_fit_is_not_cut(void **state)
{
    const struct fake_cgroup *fake = *state;
    char found[32] = "untouched", why[256];
    assert_int_equal(cgroup_find(fake->proc, found, 16, why, sizeof why), -ENOENT);
}

static void what_has_not_the_controllers_is_left_alone(void **state)
{
    const struct fake_cgroup *fake = *state;
    fake_cgroup_set(fake, "cgroup.controllers", "hugetlb\n");
    assert_refused(fake, EOPNOTSUPP, "it has no memory controller");
    fake_cgroup_set(fake, "cgroup.controllers", "cpu memory\n");
    assert_refused(fake, EOPNOTSUPP, "it has no pids controller");
    fake_cgroup_set(fake, "cgroup.controllers", NULL);
    assert_refused(fake, ENOENT, "its controllers cannot be read");
}

static void the_root_of_all_and_threaded_cgroups_are_left_alone(void **state)
{
    const struct fake_cgroup *fake = *state;
    fake_cgroup_set(fake, "cgroup.type", "threaded\n");
    assert_refused(fake, EOPNOTSUPP, "another type");
    fake_cgroup_set(fake, "cgroup.type", "domain threaded\n");
    assert_refused(fake, EOPNOTSUPP, "another type");
    fake_cgroup_set(fake, "cgroup.type", NULL);
    assert_refused(fake, EPERM, "the root of all cgroups");
}

static void a_cgroup_with_other_peoples_processes_is_left_alone(void **state)
{
    const struct fake_cgroup *fake = *state;
    char text[64];
    snprintf(text, sizeof text, "%d\n%d\n", (int)getpid(), (int)getppid());
    fake_cgroup_set(fake, "cgroup.procs", text);
    snprintf(text, sizeof text, "other processes too (%d)", (int)getppid());
    assert_refused(fake, EBUSY, text);
    snprintf(text, sizeof text, "0\n%d\n", (int)getpid());
    fake_cgroup_set(fake, "cgroup.procs", text);
    assert_refused(fake, EBUSY, "another PID namespace");
    fake_cgroup_set(fake, "cgroup.procs", "");
    assert_refused(fake, ESRCH, "not in it");
    fake_cgroup_set(fake, "cgroup.procs", "nonsense\n");
    assert_refused(fake, EBADMSG, "cannot be listed");
    fake_cgroup_set(fake, "cgroup.procs", NULL);
    assert_refused(fake, ENOENT, ""); /* and so it cannot be written */
}

/* Somebody's child whose father is no child of ours, in a loop as no kernel would make one. */
static void a_family_without_end_is_not_ours(void **state)
{
    const struct fake_cgroup *fake = *state;
    char text[64];
    fake_cgroup_set_proc(fake, "70001/status", "Name:\tx\nPPid:\t70002\n");
    fake_cgroup_set_proc(fake, "70002/status", "Name:\tPPid: 1\nPPid:\t70001\n");
    snprintf(text, sizeof text, "%d\n70001\n", (int)getpid());
    fake_cgroup_set(fake, "cgroup.procs", text);
    assert_refused(fake, EBUSY, "70001");
}

static void an_ordinary_user_needs_the_right_to_write(void **state)
{
    const struct fake_cgroup *fake = *state;
    static const char *const names[] = {".", "cgroup.procs", "cgroup.subtree_control"};
    if (geteuid() == 0)
        assert_int_equal(seteuid(65534), 0);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[256];
        uid_t user = geteuid();
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
            snprintf(path, sizeof path, "%s/%s", fake->tree, names[j]);
            (void)!seteuid(getuid());
            chmod(path, i == j ? 0555 : 0777);
            assert_int_equal(seteuid(user), 0);
        }
        assert_refused(fake, EACCES, "not delegated to this user");
    }
    assert_int_equal(seteuid(getuid()), 0);
}

static void root_needs_to_be_told(void **state)
{
    const struct fake_cgroup *fake = *state;
    char path[256], text[64];
    if (geteuid() != 0)
        skip();
    fake_cgroup_mkdir(fake, "some.scope");
    fake_cgroup_set(fake, "some.scope/cgroup.controllers", "memory pids\n");
    fake_cgroup_set(fake, "cgroup.procs", "");
    snprintf(text, sizeof text, "%d\n", (int)getpid());
    fake_cgroup_set(fake, "some.scope/cgroup.procs", text);
    fake_cgroup_set_proc(fake, "self/cgroup", "0::/some.scope\n");
    assert_refused(fake, EPERM, "nobody delegated it");
    snprintf(path, sizeof path, "%s/some.scope", fake->tree);
    if (setxattr(path, "trusted.delegate", "0", 1, 0) < 0)
        skip(); /* where this file system, or who runs this, has none */
    assert_refused(fake, EPERM, "nobody delegated it");
    assert_int_equal(setxattr(path, "trusted.delegate", "1", 1, 0), 0);
    cgroup_destroy(divide(fake));
}

static void dividing_moves_us_aside_and_hands_on_the_controllers(void **state)
{
    const struct fake_cgroup *fake = *state;
    char pid[16], *before = fake_cgroup_list(fake);
    snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    struct cgroup *cgroup = divide(fake);
    assert_string_equal(fake_cgroup_get(fake, "cgroup.procs"), "");
    assert_string_equal(fake_cgroup_get(fake, "cgroup.subtree_control"), "cpu memory pids");
    assert_string_equal(fake_cgroup_get(fake, own("cgroup.procs")), "");
    assert_string_equal(fake_cgroup_get(fake, own("cgroup.subtree_control")), "cpu memory pids");
    assert_string_equal(fake_cgroup_get(fake, own("broker/cgroup.procs")), pid);
    cgroup_destroy(cgroup);
    char *after = fake_cgroup_list(fake);
    assert_string_equal(before, after);
    assert_string_equal(fake_cgroup_get(fake, "cgroup.procs"), pid);
    assert_string_equal(fake_cgroup_get(fake, "cgroup.subtree_control"), "");
    free(before);
    free(after);
}

static void our_children_come_along_and_go_back(void **state)
{
    const struct fake_cgroup *fake = *state;
    pid_t child = start_child(), grandchild = 70003;
    char text[64], path[32];
    snprintf(path, sizeof path, "%d/status", (int)child);
    snprintf(text, sizeof text, "Name:\tx\nPPid:\t%d\n", (int)getpid());
    fake_cgroup_set_proc(fake, path, text);
    snprintf(text, sizeof text, "Name:\tx\nPPid:\t%d\n", (int)child);
    fake_cgroup_set_proc(fake, "70003/status", text);
    snprintf(text, sizeof text, "%d\n%d\n%d\n", (int)getpid(), (int)child, (int)grandchild);
    fake_cgroup_set(fake, "cgroup.procs", text);
    struct cgroup *cgroup = divide(fake);
    assert_string_equal(fake_cgroup_get(fake, own("broker/cgroup.procs")), text);
    assert_string_equal(fake_cgroup_get(fake, "cgroup.procs"), "");
    cgroup_destroy(cgroup);
    assert_string_equal(fake_cgroup_get(fake, "cgroup.procs"), text);
    end_child(child);
}

static void a_host_without_the_cpu_controller_does_without(void **state)
{
    const struct fake_cgroup *fake = *state;
    struct cgroup_observed observed;
    int fd = -1;
    fake_cgroup_set(fake, "cgroup.controllers", "memory pids\n");
    struct cgroup *cgroup = divide(fake);
    assert_string_equal(fake_cgroup_get(fake, "cgroup.subtree_control"), "memory pids");
    assert_int_equal(cgroup_add(cgroup, 1, &limits, &fd), 0);
    assert_int_equal(cgroup_observe(cgroup, 1, &observed), 0);
    assert_false(observed.has_cpu);
    fd_close(&fd);
    cgroup_destroy(cgroup);
}

/* Whatever step fails: told, and everything is as it was. */
static void a_step_that_fails_leaves_nothing_behind(void **state)
{
    const struct fake_cgroup *fake = *state;
    char own_control[64];
    snprintf(own_control, sizeof own_control, "%s/cgroup.subtree_control", own_directory());
    const struct {
        const char *at;
        int error;
    } steps[] = {
        {own_directory(), EACCES},
        {"/broker", ENOSPC},
        {"/broker/cgroup.procs", EAGAIN},
        {"/cgroup/cgroup.subtree_control", EBUSY},
        {own_control, ENOENT},
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct cgroup *cgroup = NULL;
        char why[256], pid[16], *before = fake_cgroup_list(fake);
        int fds = fd_count_open();
        snprintf(pid, sizeof pid, "%d\n", (int)getpid());
        fake_cgroup_fail(steps[i].at, steps[i].error);
        assert_int_equal(cgroup_create(fake->proc, &cgroup, why, sizeof why), -steps[i].error);
        fake_cgroup_fail(NULL, 0);
        assert_non_null(strstr(why, "could not be divided"));
        char *after = fake_cgroup_list(fake);
        if (i > 0) /* the first cannot be removed either, but was never made */
            assert_string_equal(before, after);
        assert_string_equal(fake_cgroup_get(fake, "cgroup.procs"), pid);
        assert_string_equal(fake_cgroup_get(fake, "cgroup.subtree_control"), "");
        assert_int_equal(fd_count_open(), fds);
        free(before);
        free(after);
    }
}

static void a_fork_in_the_middle_of_the_move_is_moved_too(void **state)
{
    const struct fake_cgroup *fake = *state;
    /* The kernel refuses for as long as somebody is left behind; we look again, but not for ever. */
    struct cgroup *cgroup = NULL;
    char why[256];
    fake_cgroup_fail("/cgroup/cgroup.subtree_control", EBUSY);
    assert_int_equal(cgroup_create(fake->proc, &cgroup, why, sizeof why), -EBUSY);
    fake_cgroup_fail(NULL, 0);
    cgroup_destroy(divide(fake));
}

static void make_stale(const struct fake_cgroup *fake, const char *name)
{
    char path[128];
    fake_cgroup_mkdir(fake, name);
    snprintf(path, sizeof path, "%s/broker", name);
    fake_cgroup_mkdir(fake, path);
    snprintf(path, sizeof path, "%s/renderer-1", name);
    fake_cgroup_mkdir(fake, path);
    snprintf(path, sizeof path, "%s/renderer-207", name);
    fake_cgroup_mkdir(fake, path);
}

static bool is_there(const struct fake_cgroup *fake, const char *name)
{
    char path[256];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", fake->tree, name);
    return lstat(path, &st) == 0;
}

static void what_killed_brokers_left_is_removed(void **state)
{
    const struct fake_cgroup *fake = *state;
    char dead[32], alive[32], inhabited[32], path[128], text[16];
    pid_t child = start_child();
    snprintf(dead, sizeof dead, "bulkhead-%d", (int)dead_pid());
    make_stale(fake, dead);
    snprintf(alive, sizeof alive, "bulkhead-%d", (int)child);
    make_stale(fake, alive);
    pid_t other = dead_pid();
    snprintf(inhabited, sizeof inhabited, "bulkhead-%d", (int)other);
    if (strcmp(inhabited, dead) == 0)
        snprintf(inhabited, sizeof inhabited, "bulkhead-%d", (int)dead_pid());
    make_stale(fake, inhabited);
    snprintf(path, sizeof path, "%s/renderer-1/cgroup.procs", inhabited);
    snprintf(text, sizeof text, "%d\n", (int)child);
    fake_cgroup_set(fake, path, text);
    cgroup_destroy(divide(fake));
    assert_false(is_there(fake, dead));
    assert_true(is_there(fake, alive));
    assert_true(is_there(fake, inhabited));
    snprintf(path, sizeof path, "%s/renderer-207", inhabited);
    assert_true(is_there(fake, path));
    end_child(child);
}

static void names_that_only_look_like_ours_are_left_alone(void **state)
{
    static const char *const names[] = {"bulkhead-",           "bulkhead-0",  "bulkhead-01", "bulkhead--1",
                                        "bulkhead-+5",         "bulkhead- 5", "bulkhead-5x", "bulkhead-99999999999",
                                        "bulkhead-4294967297", "xbulkhead-5", "BULKHEAD-5",  "bulkhead-5\n",
                                        "renderer-5"};
    const struct fake_cgroup *fake = *state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        fake_cgroup_mkdir(fake, names[i]);
    cgroup_destroy(divide(fake));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (!is_there(fake, names[i]))
            fail_msg("\"%s\" was removed", names[i]);
}

static void no_link_leads_out_of_the_tree(void **state)
{
    const struct fake_cgroup *fake = *state;
    char link[256], target[256], inner[280], name[32];
    snprintf(name, sizeof name, "bulkhead-%d", (int)dead_pid());
    snprintf(target, sizeof target, "%s/elsewhere", fake->directory);
    snprintf(inner, sizeof inner, "%s/broker", target);
    snprintf(link, sizeof link, "%s/%s", fake->tree, name);
    assert_int_equal(mkdir(target, 0755), 0);
    assert_int_equal(mkdir(inner, 0755), 0);
    fake_cgroup_set(fake, "../elsewhere/cgroup.events", "populated 0\n");
    assert_int_equal(symlink(target, link), 0);
    cgroup_destroy(divide(fake));
    assert_int_equal(access(inner, F_OK), 0);
    assert_true(is_there(fake, name));
}

static void a_renderers_cgroup_has_its_limits(void **state)
{
    const struct fake_cgroup *fake = *state;
    struct cgroup *cgroup = divide(fake);
    int fd = -1;
    assert_int_equal(cgroup_add(cgroup, 3, &limits, &fd), 0);
    assert_true(fd >= 0 && (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_string_equal(fake_cgroup_get(fake, own("renderer-3/memory.max")), "268435456\n");
    assert_string_equal(fake_cgroup_get(fake, own("renderer-3/memory.swap.max")), "0\n");
    assert_string_equal(fake_cgroup_get(fake, own("renderer-3/memory.oom.group")), "1\n");
    assert_string_equal(fake_cgroup_get(fake, own("renderer-3/pids.max")), "8\n");
    assert_string_equal(fake_cgroup_get(fake, own("renderer-3/cpu.weight")), "50\n");
    assert_int_equal(cgroup_set_memory(cgroup, 3, 300 << 20), 0);
    assert_string_equal(fake_cgroup_get(fake, own("renderer-3/memory.max")), "314572800\n");
    int second = -1;
    assert_int_equal(cgroup_add(cgroup, 3, &limits, &second), -EEXIST);
    assert_true(is_there(fake, own("renderer-3")));
    cgroup_remove(cgroup, 3);
    assert_false(is_there(fake, own("renderer-3")));
    fd_close(&fd);
    cgroup_destroy(cgroup);
}

static void a_limit_that_cannot_be_set_is_no_cgroup(void **state)
{
    static const struct {
        const char *at;
        int error, result;
    } steps[] = {
        {"/renderer-1", EAGAIN, -EAGAIN},           {"renderer-1/memory.max", EBUSY, -EBUSY},
        {"renderer-1/memory.max", ENOENT, -ENOENT}, {"renderer-1/memory.swap.max", EINVAL, -EINVAL},
        {"renderer-1/memory.swap.max", ENOENT, 0}, /* no swap accounting */
        {"renderer-1/memory.oom.group", ENOENT, 0}, {"renderer-1/pids.max", EACCES, -EACCES},
        {"renderer-1/cpu.weight", EACCES, -EACCES}, {"renderer-1/cgroup.procs", EACCES, -EACCES},
    };
    const struct fake_cgroup *fake = *state;
    struct cgroup *cgroup = divide(fake);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int fd = -1, fds = fd_count_open();
        fake_cgroup_fail(steps[i].at, steps[i].error);
        int error = cgroup_add(cgroup, 1, &limits, &fd);
        fake_cgroup_fail(NULL, 0);
        assert_int_equal(error, steps[i].result);
        assert_int_equal(is_there(fake, own("renderer-1")), error == 0);
        assert_int_equal(fd >= 0, error == 0);
        fd_close(&fd);
        cgroup_remove(cgroup, 1);
        assert_int_equal(fd_count_open(), fds);
    }
    cgroup_destroy(cgroup);
}

static void what_is_in_force_is_read_back(void **state)
{
    const struct fake_cgroup *fake = *state;
    struct cgroup *cgroup = divide(fake);
    struct cgroup_observed observed;
    char evidence[320], expected[320], text[32];
    int fd = -1;
    assert_int_equal(cgroup_observe(cgroup, 1, &observed), -ENOENT);
    assert_int_equal(cgroup_add(cgroup, 1, &limits, &fd), 0);
    assert_int_equal(cgroup_observe(cgroup, 1, &observed), 0);
    assert_int_equal(cgroup_judge(&observed, evidence, sizeof evidence), -ESRCH);
    assert_non_null(strstr(evidence, "the renderer is not in "));
    /* As the renderer does it, by the descriptor it was given. */
    pid_t child = start_child();
    snprintf(text, sizeof text, "%d", (int)child);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    assert_int_equal(cgroup_observe(cgroup, 1, &observed), 0);
    assert_int_equal(observed.pid, child);
    assert_int_equal(cgroup_judge(&observed, evidence, sizeof evidence), 0);
    snprintf(expected, sizeof expected,
             "memory.max=268435456 memory.swap.max=0 pids.max=8 cpu.weight=50 in %s/%s/renderer-1", fake->tree,
             own_directory());
    assert_string_equal(evidence, expected);
    fake_cgroup_set(fake, own("renderer-1/memory.max"), "max\n");
    assert_int_equal(cgroup_observe(cgroup, 1, &observed), 0);
    assert_int_equal(cgroup_judge(&observed, evidence, sizeof evidence), -EOPNOTSUPP);
    assert_non_null(strstr(evidence, "memory.max=max"));
    fake_cgroup_set(fake, own("renderer-1/cgroup.procs"), "10\n11\n");
    assert_int_equal(cgroup_observe(cgroup, 1, &observed), 0);
    assert_int_equal(cgroup_judge(&observed, evidence, sizeof evidence), -E2BIG);
    assert_int_equal(cgroup_judge(&observed, evidence, 24), -E2BIG);
    assert_int_equal(strlen(evidence), 23); /* clipped, not overrun */
    fake_cgroup_set(fake, own("renderer-1/cgroup.procs"), "");
    end_child(child);
    fd_close(&fd);
    cgroup_destroy(cgroup);
}

static void whoever_is_still_in_there_stays_and_the_rest_goes(void **state)
{
    const struct fake_cgroup *fake = *state;
    struct cgroup *cgroup = divide(fake);
    pid_t child = start_child();
    int first = -1, second = -1;
    char text[16];
    assert_int_equal(cgroup_add(cgroup, 1, &limits, &first), 0);
    assert_int_equal(cgroup_add(cgroup, 2, &limits, &second), 0);
    snprintf(text, sizeof text, "%d", (int)child);
    assert_int_equal(fd_write_all(second, text, strlen(text)), 0);
    cgroup_remove(cgroup, 2);
    assert_true(is_there(fake, own("renderer-2")));
    fd_close(&first);
    fd_close(&second);
    cgroup_destroy(cgroup);
    assert_false(is_there(fake, own("renderer-1")));
    assert_true(is_there(fake, own("renderer-2")));
    assert_int_equal(atoi(fake_cgroup_get(fake, "cgroup.procs")), getpid()); /* back all the same */
    end_child(child);
}

static void the_counters_say_whose_memory_it_was(void **state)
{
    static const struct {
        const char *events;
        enum oom_kind kind;
    } cases[] = {
        {"max 0\noom 0\noom_kill 0\n", OOM_NONE},
        {"max 9\noom 1\noom_kill 0\n", OOM_NONE},
        {"max 9\noom 1\noom_kill 1\n", OOM_OWN_LIMIT},
        {"max 0\noom 0\noom_kill 1\n", OOM_AROUND},
    };
    const struct fake_cgroup *fake = *state;
    struct cgroup *cgroup = divide(fake);
    struct cgroup_events events;
    struct oom_verdict verdict;
    struct oom_watch watch;
    int fd = -1;
    oom_watch_init(&watch, "/proc/vmstat");
    assert_int_equal(cgroup_add(cgroup, 1, &limits, &fd), 0);
    fd_close(&fd);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fake_cgroup_set(fake, own("renderer-1/memory.events"), cases[i].events);
        assert_int_equal(cgroup_read_events(cgroup, 1, &events), 0);
        oom_judge(&watch, &events, 1 << 20, &verdict);
        assert_int_equal(verdict.kind, cases[i].kind);
        assert_int_equal(verdict.limit_bytes, verdict.kind == OOM_OWN_LIMIT ? 256 << 20 : 0);
        assert_int_equal(verdict.frame_bytes, verdict.kind == OOM_OWN_LIMIT ? 1 << 20 : 0);
    }
    fake_cgroup_set(fake, own("renderer-1/memory.events"), "max 0\n");
    assert_int_equal(cgroup_read_events(cgroup, 1, &events), -ENOENT);
    assert_int_equal(cgroup_read_events(cgroup, 2, &events), -ENOENT);
    cgroup_destroy(cgroup);
}

static void without_a_cgroup_only_the_hosts_count_is_left(void **state)
{
    const struct fake_cgroup *fake = *state;
    struct oom_watch watch;
    struct oom_verdict verdict;
    char path[128];
    snprintf(path, sizeof path, "%s/vmstat", fake->proc);
    fake_cgroup_set_proc(fake, "vmstat", "nr_free_pages 12\noom_kill 4\noom_kill_x 9\n");
    oom_watch_init(&watch, path);
    oom_judge(&watch, NULL, 0, &verdict);
    assert_int_equal(verdict.kind, OOM_NONE);
    fake_cgroup_set_proc(fake, "vmstat", "nr_free_pages 12\noom_kill 5\noom_kill_x 9\n");
    oom_judge(&watch, NULL, 0, &verdict);
    assert_int_equal(verdict.kind, OOM_HOST);
    oom_judge(&watch, NULL, 0, &verdict);
    assert_int_equal(verdict.kind, OOM_NONE); /* a strike is put down to one */
    unlink(path);
    oom_judge(&watch, NULL, 0, &verdict);
    assert_int_equal(verdict.kind, OOM_NONE);
}

static void nothing_is_said_of_cgroups_to_none(void **state)
{
    (void)state;
    cgroup_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fake_cgroup_make, fake_cgroup_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_value_is_one_number_or_max),
        TEST(a_key_is_found_by_its_whole_name),
        TEST(a_word_is_found_whole),
        TEST(processes_are_listed_and_nonsense_is_refused),
        TEST(our_cgroup_is_found_wherever_it_is_mounted),
        TEST(a_path_that_does_not_fit_is_not_cut),
        TEST(what_has_not_the_controllers_is_left_alone),
        TEST(the_root_of_all_and_threaded_cgroups_are_left_alone),
        TEST(a_cgroup_with_other_peoples_processes_is_left_alone),
        TEST(a_family_without_end_is_not_ours),
        TEST(an_ordinary_user_needs_the_right_to_write),
        TEST(root_needs_to_be_told),
        TEST(dividing_moves_us_aside_and_hands_on_the_controllers),
        TEST(our_children_come_along_and_go_back),
        TEST(a_host_without_the_cpu_controller_does_without),
        TEST(a_step_that_fails_leaves_nothing_behind),
        TEST(a_fork_in_the_middle_of_the_move_is_moved_too),
        TEST(what_killed_brokers_left_is_removed),
        TEST(names_that_only_look_like_ours_are_left_alone),
        TEST(no_link_leads_out_of_the_tree),
        TEST(a_renderers_cgroup_has_its_limits),
        TEST(a_limit_that_cannot_be_set_is_no_cgroup),
        TEST(what_is_in_force_is_read_back),
        TEST(whoever_is_still_in_there_stays_and_the_rest_goes),
        TEST(the_counters_say_whose_memory_it_was),
        TEST(without_a_cgroup_only_the_hosts_count_is_left),
        cmocka_unit_test(nothing_is_said_of_cgroups_to_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
