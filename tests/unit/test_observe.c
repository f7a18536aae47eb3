#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/observe/observe_judge.h"
#include "common/cell_bounds.h"

#define LAYER(name) BULKHEAD__LAYER_FACT__LAYER__##name

#define IDS "Uid:\t7\t7\t7\t7\nGid:\t8\t8\t8\t8\nGroups:\t \nNSpid:\t812\t3\n"
#define CAPS                                                                                                           \
    "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"
#define LOCKED "NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n"

static void a_status_is_read_as_the_kernel_writes_it(void **state)
{
    struct observe_status status;
    (void)state;
    assert_int_equal(observe_parse_status("Name:\tx\n" IDS CAPS LOCKED, &status), 0);
    assert_int_equal(status.uids[3], 7);
    assert_int_equal(status.group_count, 0);
    assert_int_equal(status.pid_depth, 2);
    assert_int_equal(status.seccomp_mode, 2);
    assert_int_equal(status.seccomp_filters, 1);
    assert_int_equal(observe_parse_status(IDS CAPS, &status), 0); /* an old kernel */
    assert_int_equal(status.seccomp_mode, OBSERVE_NOT_TOLD);
}

static void a_status_that_says_a_thing_twice_or_not_at_all_is_refused(void **state)
{
    static const char *const odd[] = {
        "",
        IDS,         /* no capabilities */
        CAPS LOCKED, /* no ids */
        IDS CAPS LOCKED "Uid:\t0\t0\t0\t0\n",
        IDS CAPS "Seccomp:\t-1\n",
        IDS CAPS "Seccomp:\t2x\n",
        "Uid:\t7\t7\t7\nGid:\t8\t8\t8\t8\n" CAPS, /* three ids: a fourth must not be taken from the next line */
        "Uid:\t7\t7\t7\t99999999999\nGid:\t8\t8\t8\t8\n" CAPS,
    };
    struct observe_status status;
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        int rc = observe_parse_status(odd[i], &status);
        if (rc != -EBADMSG)
            print_message("case %zu\n", i);
        assert_int_equal(rc, -EBADMSG);
    }
}

static void a_process_is_as_weak_as_its_freest_thread(void **state)
{
    struct observe_status all, thread;
    (void)state;
    assert_int_equal(observe_parse_status(IDS CAPS LOCKED, &all), 0);
    assert_int_equal(observe_parse_status(IDS CAPS "NoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n", &thread), 0);
    observe_weaken_status(&all, &thread);
    assert_int_equal(all.seccomp_mode, 0);
    assert_int_equal(all.no_new_privs, 0);
}

static void a_mapping_that_can_be_written_and_run_is_found(void **state)
{
    static const char clean[] = "1000-2000 r-xp 00000000 08:01 1 /a\n2000-3000 rw-p 00000000 00:00 0\n";
    struct observe_maps maps;
    (void)state;
    assert_int_equal(observe_parse_maps(clean, &maps), 0);
    assert_int_equal(maps.count, 2);
    assert_int_equal(maps.writable_executable, 0);
    assert_int_equal(observe_parse_maps("1000-2000 rwxp 00000000 00:00 0\n", &maps), 0);
    assert_int_equal(maps.writable_executable, 1);
    assert_int_equal(observe_parse_maps("garbage\n", &maps), -EBADMSG);
}

static void mounts_ids_networks_and_namespaces_are_read(void **state)
{
    struct observe_mounts mounts;
    struct observe_id_map map;
    struct observe_network network;
    (void)state;
    assert_int_equal(observe_parse_mounts("68 43 0:43 / / ro,nosuid - tmpfs none rw\n", &mounts), 0);
    assert_int_equal(mounts.ids[0], 68);
    assert_string_equal(mounts.first_type, "tmpfs");
    assert_true(mounts.is_first_read_only);
    assert_int_equal(observe_parse_mounts("68 43 0:43 / / rw,ros shared:1 - ext4 none rw\n", &mounts), 0);
    assert_false(mounts.is_first_read_only);
    assert_int_equal(observe_parse_mounts("68 43 0:43 / / ro\n", &mounts), -EBADMSG);
    assert_int_equal(observe_parse_id_map("         0          0 4294967295\n", &map), 0);
    assert_string_equal(map.first, "0 0 4294967295");
    assert_int_equal(observe_parse_id_map("0 0\n", &map), -EBADMSG);
    assert_int_equal(observe_parse_network("head\nhead\n    lo: 0 0\n  eth0: 1 2\n", &network), 0);
    assert_string_equal(network.interfaces, "lo, eth0");
    assert_true(observe_is_namespace("net:[4026531840]", "net"));
    assert_false(observe_is_namespace("net:[]", "net"));
    assert_false(observe_is_namespace("net:[12]x", "net"));
}

static void limits_are_judged_by_the_hard_ones_against_what_the_cell_sets(void **state)
{
    static struct observation own, process;
    const struct observe_expected expected = {.memory_limit_bytes = 4096};
    struct judgement judgement;
    (void)state;
    assert_int_equal(observe_process(0, &own), 0);
    assert_int_equal(own.errors[OBSERVE_LIMITS], 0);
    process = own;
    process.limits = (struct observe_limits){.soft = {0}}; /* nothing of anything */
    observe_judge(LAYER(RESOURCE_LIMITS), &process, &own, &expected, &judgement);
    assert_int_equal(judgement.verdict, VERDICT_IN_FORCE);
    for (size_t i = 0; i < cell_bound_count; i++) {
        process.limits.hard[cell_bounds[i].resource] = cell_bounds[i].most + 1; /* the soft one can be raised to it */
        observe_judge(LAYER(RESOURCE_LIMITS), &process, &own, &expected, &judgement);
        assert_int_equal(judgement.verdict, VERDICT_NOT_IN_FORCE);
        assert_non_null(strstr(judgement.text, observe_limit_name(cell_bounds[i].resource)));
        process.limits.hard[cell_bounds[i].resource] = cell_bounds[i].most;
    }
    process.limits.hard[RLIMIT_DATA] = 4097;
    observe_judge(LAYER(RESOURCE_LIMITS), &process, &own, &expected, &judgement);
    assert_int_equal(judgement.verdict, VERDICT_NOT_IN_FORCE);
}

/* What a zygote forks is born in the pid namespace; it is not in there itself. */
static void a_zygote_is_judged_by_the_pid_namespace_of_its_children(void **state)
{
    static struct observation own, process;
    const struct observe_expected zygote = {.is_outside_pid_namespace = true};
    struct judgement judgement;
    (void)state;
    assert_int_equal(observe_process(0, &own), 0);
    assert_int_equal(own.errors[OBSERVE_NAMESPACES], 0);
    process = own;
    observe_judge(LAYER(PID_NAMESPACE), &process, &own, &zygote, &judgement);
    assert_int_equal(judgement.verdict, VERDICT_NOT_IN_FORCE);
    snprintf(process.namespaces[OBSERVE_NS_PID_FOR_CHILDREN], OBSERVE_LINK_BYTES, "pid:[1]");
    observe_judge(LAYER(PID_NAMESPACE), &process, &own, &zygote, &judgement);
    assert_int_equal(judgement.verdict, VERDICT_IN_FORCE);
}

static void outside_and_inside_that_disagree_are_neither_believed(void **state)
{
    (void)state;
    assert_int_equal(observe_decide(VERDICT_IN_FORCE, VERDICT_IN_FORCE), LAYER_OBSERVED_IN_FORCE);
    assert_int_equal(observe_decide(VERDICT_NOT_IN_FORCE, VERDICT_IN_FORCE), LAYER_OBSERVED_CONTRADICTED);
    assert_int_equal(observe_decide(VERDICT_IN_FORCE, VERDICT_NOT_IN_FORCE), LAYER_OBSERVED_CONTRADICTED);
    assert_int_equal(observe_decide(VERDICT_CANNOT_TELL, VERDICT_IN_FORCE), LAYER_OBSERVED_CLAIMED);
    assert_int_equal(observe_decide(VERDICT_CANNOT_TELL, VERDICT_NOT_IN_FORCE), LAYER_OBSERVED_MISSING);
    assert_int_equal(observe_decide(VERDICT_NOT_IN_FORCE, VERDICT_CANNOT_TELL), LAYER_OBSERVED_MISSING);
    assert_int_equal(observe_decide(VERDICT_IN_FORCE, VERDICT_CANNOT_TELL), LAYER_OBSERVED_IN_FORCE);
    assert_int_equal(observe_decide(VERDICT_NOT_IN_FORCE, VERDICT_NOT_IN_FORCE), LAYER_OBSERVED_MISSING);
    assert_int_equal(observe_decide(VERDICT_CANNOT_TELL, VERDICT_CANNOT_TELL), LAYER_OBSERVED_NOT_SHOWN);
}

/* This process is no renderer: every layer that /proc can show must be found missing, and none in force. */
static void a_process_without_a_cell_is_found_to_have_none(void **state)
{
    static struct observation own;
    const struct observe_expected expected = {.memory_limit_bytes = 1 << 30};
    static const Bulkhead__LayerFact__Layer shown[] = {
        LAYER(MOUNT_NAMESPACE), LAYER(PID_NAMESPACE), LAYER(NET_NAMESPACE),   LAYER(IPC_NAMESPACE),
        LAYER(UTS_NAMESPACE),   LAYER(EMPTY_ROOT),    LAYER(RESOURCE_LIMITS), LAYER(SECCOMP),
    };
    (void)state;
    assert_int_equal(observe_process(0, &own), 0);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        struct judgement judgement;
        observe_judge(shown[i], &own, &own, &expected, &judgement);
        if (judgement.verdict != VERDICT_NOT_IN_FORCE)
            print_message("layer %d: %s\n", (int)shown[i], judgement.text);
        assert_int_equal(judgement.verdict, VERDICT_NOT_IN_FORCE);
    }
}

/* In a pid namespace whose /proc was not mounted anew, number 1 is not who it seems. */
static void a_proc_of_another_pid_namespace_is_not_believed(void **state)
{
    static struct observation process;
    int status = -1;
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        if (unshare(geteuid() == 0 ? CLONE_NEWPID : CLONE_NEWUSER | CLONE_NEWPID) < 0)
            _exit(77);
        pid_t inside = fork();
        if (inside == 0)
            _exit(observe_process(getpid(), &process) == 0 && process.errors[OBSERVE_STATUS] == EXDEV ? 0 : 1);
        waitpid(inside, &status, 0);
        _exit(WEXITSTATUS(status));
    }
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WEXITSTATUS(status) == 77) {
        print_message("skipped: no pid namespace is to be had here\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void what_may_not_be_read_keeps_its_errno(void **state)
{
    static struct observation own, process;
    const struct observe_expected expected = {0};
    struct judgement judgement;
    (void)state;
    assert_int_equal(observe_process(0, &own), 0);
    process = own;
    process.errors[OBSERVE_NAMESPACES] = EACCES;
    observe_judge(LAYER(IPC_NAMESPACE), &process, &own, &expected, &judgement);
    assert_int_equal(judgement.verdict, VERDICT_CANNOT_TELL);
    assert_int_equal(judgement.error, EACCES);
    assert_non_null(strstr(judgement.text, "EACCES"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_status_is_read_as_the_kernel_writes_it),
        cmocka_unit_test(a_status_that_says_a_thing_twice_or_not_at_all_is_refused),
        cmocka_unit_test(a_process_is_as_weak_as_its_freest_thread),
        cmocka_unit_test(a_mapping_that_can_be_written_and_run_is_found),
        cmocka_unit_test(mounts_ids_networks_and_namespaces_are_read),
        cmocka_unit_test(limits_are_judged_by_the_hard_ones_against_what_the_cell_sets),
        cmocka_unit_test(a_zygote_is_judged_by_the_pid_namespace_of_its_children),
        cmocka_unit_test(outside_and_inside_that_disagree_are_neither_believed),
        cmocka_unit_test(a_process_without_a_cell_is_found_to_have_none),
        cmocka_unit_test(a_proc_of_another_pid_namespace_is_not_believed),
        cmocka_unit_test(what_may_not_be_read_keeps_its_errno),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
