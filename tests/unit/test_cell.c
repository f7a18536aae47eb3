/* The walls from inside: each case enters the cell in a child of its own and tells what it met. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <seccomp.h>

#include "common/fd.h"
#include "common/policy.h"
#include "renderer/cell/cell_layers.h"
#include "tests/support/leaks.h"

enum { DEADLINE_MS = 20000, ANSWERS = 16 };

/* Shared with the child. */
struct met {
    struct cell_facts facts;
    int enter_result, close_result;
    pid_t init_pid;
    long answers[ANSWERS];
};

typedef void (*inside_fn)(struct met *met, void *argument);

/* A call that this test's host is made to refuse; mask 0 = with any arguments. */
struct refusal {
    int number, error;
    unsigned argument;
    uint64_t mask, value;
};

struct visit {
    const struct refusal *refusals; /* ends with error 0 */
    const char *chroot;             /* lives there before it enters */
    uint32_t without;
    uint64_t memory_limit_bytes;
    bool closes;
    int status;
    struct met *met;
};

/* Stands in for hosts we do not have: containers, restricted user namespaces, old kernels. */
static void refuse(const struct refusal *refusals)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ALLOW);

    for (; refusals->error != 0; refusals++) {
        struct scmp_arg_cmp when = SCMP_CMP(refusals->argument, SCMP_CMP_MASKED_EQ, refusals->mask, refusals->value);
        seccomp_rule_add_array(context, SCMP_ACT_ERRNO(refusals->error), refusals->number, refusals->mask != 0, &when);
    }
    seccomp_attr_set(context, SCMP_FLTATR_CTL_NNP, geteuid() != 0);
    if (seccomp_load(context) < 0)
        _exit(96);
    seccomp_release(context);
}

static void __attribute__((noreturn)) live(const struct visit *visit, inside_fn function, void *argument)
{
    struct policy_program *policy = NULL;
    struct cell_config config = {.without = visit->without, .memory_limit_bytes = visit->memory_limit_bytes};
    const int keep[] = {2, 0, 1};

    if (policy_compile(POLICY_RENDERER, &policy) < 0)
        _exit(98);
    config.policy = policy;
    if (visit->chroot != NULL && (chroot(visit->chroot) < 0 || chdir("/") < 0))
        _exit(95);
    if (visit->refusals != NULL)
        refuse(visit->refusals);
    visit->met->enter_result = cell_enter(&config, &visit->met->facts, &visit->met->init_pid);
    if (visit->met->enter_result < 0)
        _exit(97);
    if (visit->closes) {
        visit->met->close_result = cell_limit(&config, keep, 3, &visit->met->facts);
        cell_close(&config, &visit->met->facts);
    }
    if (function != NULL)
        function(visit->met, argument);
    _exit(0);
}

static int reap(pid_t pid)
{
    struct pollfd ended = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
    int status = -1;

    if (poll(&ended, 1, DEADLINE_MS) == 0)
        kill(pid, SIGKILL);
    close(ended.fd);
    waitpid(pid, &status, 0);
    return status;
}

static void visit_start(struct visit *visit, inside_fn function, void *argument)
{
    visit->met = mmap(NULL, sizeof(*visit->met), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0)
        live(visit, function, argument);
    visit->status = reap(child);
    /* Our child, too: that is what it is for. */
    if (visit->met->init_pid > 0) {
        assert_int_equal(kill(visit->met->init_pid, SIGKILL), 0);
        reap(visit->met->init_pid);
    }
    assert_int_equal(visit->met->enter_result, 0);
}

static void visit_end(struct visit *visit)
{
    munmap(visit->met, sizeof(*visit->met));
}

static const struct cell_fact *fact(const struct visit *visit, Bulkhead__LayerFact__Layer layer)
{
    return &visit->met->facts.layers[layer];
}

static const Bulkhead__LayerFact__Layer all_namespaces[] = {
    LAYER(USER_NAMESPACE), LAYER(MOUNT_NAMESPACE), LAYER(PID_NAMESPACE),    LAYER(NET_NAMESPACE),
    LAYER(IPC_NAMESPACE),  LAYER(UTS_NAMESPACE),   LAYER(CGROUP_NAMESPACE), LAYER(EMPTY_ROOT),
};

/* Whether this host lets us try; says why not. */
static bool lacks(const struct visit *visit, Bulkhead__LayerFact__Layer layer)
{
    if (fact(visit, layer)->in_force)
        return false;
    print_message("skipped: layer %d is not to be had here: %s (%s)\n", layer, strerror(fact(visit, layer)->error),
                  fact(visit, layer)->evidence);
    return true;
}

static void every_layer_is_attempted_and_says_what_it_saw(void **state)
{
    struct visit visit = {.closes = true, .memory_limit_bytes = 1ull << 30};

    (void)state;
    visit_start(&visit, NULL, NULL);
    assert_int_equal(visit.status, 0);
    for (int layer = 0; layer < CELL_LAYERS; layer++) {
        const struct cell_fact *one = &visit.met->facts.layers[layer];
        assert_true(one->attempted);
        assert_true(one->evidence[0] != '\0');
        assert_int_equal(one->in_force, one->error == 0);
    }
    /* No host that can run this at all lacks these. */
    assert_true(fact(&visit, LAYER(NO_NEW_PRIVS))->in_force);
    assert_true(fact(&visit, LAYER(UNPRIVILEGED_ID))->in_force);
    assert_true(fact(&visit, LAYER(NO_CAPABILITIES))->in_force);
    assert_true(fact(&visit, LAYER(NOT_DUMPABLE))->in_force);
    assert_true(fact(&visit, LAYER(CLOSED_FDS))->in_force);
    assert_true(fact(&visit, LAYER(SECCOMP))->in_force);
    visit_end(&visit);
}

static void look_for_files(struct met *met, void *argument)
{
    DIR *root = opendir("/");
    int fd = open("/etc/passwd", O_RDONLY);

    (void)argument;
    met->answers[0] = fd >= 0 ? 0 : errno;
    met->answers[1] = root == NULL ? errno : 0;
    met->answers[2] = mkdir("/x", 0700) == 0 ? 0 : errno;
    met->answers[3] = access("/proc/self/exe", F_OK) == 0 ? 0 : errno;
    met->answers[4] = open("..", O_RDONLY) >= 0;
}

static void the_root_is_empty_and_read_only(void **state)
{
    /* Without Landlock, which would refuse before anyone looked. */
    struct visit visit = {.without = CELL_BIT(LAYER(LANDLOCK_FILES))};

    (void)state;
    visit_start(&visit, look_for_files, NULL);
    if (!lacks(&visit, LAYER(EMPTY_ROOT))) {
        assert_int_equal(visit.met->answers[0], ENOENT);
        assert_int_equal(visit.met->answers[1], 0);
        assert_int_equal(visit.met->answers[2], EROFS);
        assert_int_equal(visit.met->answers[3], ENOENT);
    }
    visit_end(&visit);
}

static size_t count_mounts(void)
{
    FILE *mounts = fopen("/proc/self/mounts", "re");
    size_t count = 0;

    for (int c; mounts != NULL && (c = fgetc(mounts)) != EOF;)
        count += c == '\n';
    if (mounts != NULL)
        fclose(mounts);
    return count;
}

/* As on a machine that is itself a chroot: no user namespaces (the kernel says EPERM), no pivot_root, maybe no /proc.
 */
static void a_chroot_gets_an_empty_root_and_shows_no_mount_outside(void **state)
{
    char directory[] = "/tmp/bulkhead-chroot-XXXXXX";
    struct visit visit = {.without = CELL_BIT(LAYER(LANDLOCK_FILES)), .chroot = directory};
    size_t mounts_before = count_mounts();

    (void)state;
    if (geteuid() != 0) {
        print_message("skipped: only root can chroot\n");
        skip();
    }
    assert_non_null(mkdtemp(directory));
    visit_start(&visit, look_for_files, NULL);
    assert_int_equal(visit.status, 0);
    assert_int_equal(count_mounts(), mounts_before);
    assert_int_equal(rmdir(directory), 0);
    assert_false(fact(&visit, LAYER(USER_NAMESPACE))->in_force);
    assert_true(fact(&visit, LAYER(UNPRIVILEGED_ID))->in_force);
    if (!lacks(&visit, LAYER(EMPTY_ROOT))) {
        assert_int_equal(visit.met->answers[0], ENOENT);
        assert_int_equal(visit.met->answers[1], 0);
        assert_int_equal(visit.met->answers[2], EROFS);
    }
    visit_end(&visit);
}

static void landlock_refuses_files_even_where_there_are_some(void **state)
{
    struct visit visit = {.without = CELL_NAMESPACES};

    (void)state;
    visit_start(&visit, look_for_files, NULL);
    if (!lacks(&visit, LAYER(LANDLOCK_FILES))) {
        assert_int_equal(visit.met->answers[0], EACCES);
        assert_int_equal(visit.met->answers[1], EACCES);
        assert_true(visit.met->answers[2] != 0);
        assert_int_equal(visit.met->answers[4], 0);
    }
    visit_end(&visit);
}

static void call_outside(struct met *met, void *argument)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x7f000001)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    (void)argument;
    met->answers[0] = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
}

static void there_is_no_network(void **state)
{
    struct visit namespace_only = {.without = CELL_BIT(LAYER(LANDLOCK_NETWORK))};
    struct visit landlock_only = {.without = CELL_NAMESPACES};

    (void)state;
    visit_start(&namespace_only, call_outside, NULL);
    if (!lacks(&namespace_only, LAYER(NET_NAMESPACE)))
        assert_int_equal(namespace_only.met->answers[0], ENETUNREACH);
    visit_end(&namespace_only);
    visit_start(&landlock_only, call_outside, NULL);
    if (!lacks(&landlock_only, LAYER(LANDLOCK_NETWORK)))
        assert_int_equal(landlock_only.met->answers[0], EACCES);
    visit_end(&landlock_only);
}

static void shoot(struct met *met, void *argument)
{
    pid_t target = *(pid_t *)argument;

    met->answers[0] = kill(target, 0) == 0 ? 0 : errno;
}

static void landlock_keeps_signals_inside(void **state)
{
    /* Namespaces and the id would do it as well. */
    struct visit visit = {.without = CELL_NAMESPACES | CELL_BIT(LAYER(UNPRIVILEGED_ID))};
    pid_t self = getpid();

    (void)state;
    visit_start(&visit, shoot, &self);
    if (!lacks(&visit, LAYER(LANDLOCK_SCOPES)))
        assert_int_equal(visit.met->answers[0], EPERM);
    visit_end(&visit);
}

static void tell_who_we_are(struct met *met, void *argument)
{
    struct utsname names;
    uid_t ids[3];
    pid_t child = fork();

    (void)argument;
    if (child == 0) {
        met->answers[6] = getpid();
        met->answers[7] = getppid();
        _exit(0);
    }
    waitpid(child, NULL, 0);
    uname(&names);
    getresuid(&ids[0], &ids[1], &ids[2]);
    met->answers[0] = strcmp(names.nodename, "cell");
    met->answers[1] = ids[0] == 0 || ids[1] == 0 || ids[2] == 0;
    met->answers[2] = setuid(0) == 0;
    met->answers[3] = prctl(PR_GET_DUMPABLE);
    met->answers[4] = prctl(PR_CAPBSET_READ, 21 /* CAP_SYS_ADMIN */);
    met->answers[5] = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

static void nobody_is_root_and_children_are_born_in_the_pid_namespace(void **state)
{
    struct visit visit = {0};

    (void)state;
    visit_start(&visit, tell_who_we_are, NULL);
    assert_int_equal(visit.met->answers[1], 0);
    assert_int_equal(visit.met->answers[2], 0);
    assert_int_equal(visit.met->answers[3], 0);
    assert_int_equal(visit.met->answers[5], 1);
    if (!lacks(&visit, LAYER(UTS_NAMESPACE)))
        assert_int_equal(visit.met->answers[0], 0);
    if (!lacks(&visit, LAYER(USER_NAMESPACE)))
        assert_int_equal(visit.met->answers[4], 0);
    if (!lacks(&visit, LAYER(PID_NAMESPACE))) {
        assert_in_range(visit.met->answers[6], 2, 9);
        assert_int_equal(visit.met->answers[7], 0);
        assert_true(visit.met->init_pid > 0);
    }
    visit_end(&visit);
}

static void without_user_namespaces_root_still_gets_the_others(void **state)
{
    struct visit visit = {.without = CELL_BIT(LAYER(USER_NAMESPACE)), .closes = true};

    (void)state;
    visit_start(&visit, NULL, NULL);
    assert_false(fact(&visit, LAYER(USER_NAMESPACE))->in_force);
    assert_int_equal(fact(&visit, LAYER(USER_NAMESPACE))->error, 0);
    for (size_t i = 1; i < sizeof(all_namespaces) / sizeof(all_namespaces[0]); i++) {
        const struct cell_fact *one = fact(&visit, all_namespaces[i]);
        if (geteuid() != 0) {
            assert_false(one->in_force);
            assert_true(one->error != 0);
        } else if (!lacks(&visit, all_namespaces[i])) {
            assert_true(one->in_force);
        }
    }
    assert_true(fact(&visit, LAYER(UNPRIVILEGED_ID))->in_force);
    assert_true(fact(&visit, LAYER(NO_CAPABILITIES))->in_force);
    assert_true(fact(&visit, LAYER(SECCOMP))->in_force);
    visit_end(&visit);
}

/* What a layer cannot be had without. */
static uint32_t dependents(int layer)
{
    switch (layer) {
    case LAYER(USER_NAMESPACE):
        return geteuid() == 0 ? 0 : CELL_NAMESPACES;
    case LAYER(MOUNT_NAMESPACE):
        return CELL_BIT(LAYER(EMPTY_ROOT));
    case LAYER(NO_NEW_PRIVS):
        return CELL_BIT(LAYER(LANDLOCK_FILES)) | CELL_BIT(LAYER(LANDLOCK_NETWORK)) | CELL_BIT(LAYER(LANDLOCK_SCOPES)) |
               CELL_BIT(LAYER(SECCOMP));
    default:
        return 0;
    }
}

static void each_layer_can_be_missing_alone(void **state)
{
    struct visit everything = {.closes = true};

    (void)state;
    visit_start(&everything, NULL, NULL);
    for (int layer = 0; layer < CELL_LAYERS; layer++) {
        struct visit visit = {.without = CELL_BIT(layer), .closes = true};
        visit_start(&visit, NULL, NULL);
        assert_int_equal(visit.status, 0);
        assert_false(visit.met->facts.layers[layer].in_force);
        for (int other = 0; other < CELL_LAYERS; other++) {
            if (other == layer || (dependents(layer) & CELL_BIT(other)))
                continue;
            if (visit.met->facts.layers[other].in_force != everything.met->facts.layers[other].in_force)
                fail_msg("without layer %d, layer %d: %s", layer, other, visit.met->facts.layers[other].evidence);
        }
        visit_end(&visit);
    }
    visit_end(&everything);
}

static void assert_same_but(const struct visit *visit, uint32_t missing, int error)
{
    struct visit everything = {.closes = true};

    visit_start(&everything, NULL, NULL);
    assert_int_equal(visit->status, 0);
    for (int layer = 0; layer < CELL_LAYERS; layer++) {
        const struct cell_fact *one = &visit->met->facts.layers[layer];
        bool is_usual = everything.met->facts.layers[layer].in_force, is_missing = missing & CELL_BIT(layer);
        /* What this host does not have anyway is missing for a reason of its own. */
        if (one->in_force != (is_usual && !is_missing) || (is_usual && is_missing && error != 0 && one->error != error))
            fail_msg("layer %d: in force %d, error %d, %s", layer, one->in_force, one->error, one->evidence);
    }
    visit_end(&everything);
}

static void a_host_that_refuses_user_namespaces_leaves_the_rest_to_root(void **state)
{
    static const struct refusal refusals[] = {{SCMP_SYS(unshare), EPERM, 0, CLONE_NEWUSER, CLONE_NEWUSER}, {0}};
    struct visit visit = {.refusals = refusals, .closes = true};

    (void)state;
    visit_start(&visit, NULL, NULL);
    assert_same_but(&visit, geteuid() == 0 ? CELL_BIT(LAYER(USER_NAMESPACE)) : CELL_NAMESPACES, EPERM);
    visit_end(&visit);
}

/* As Ubuntu 24.04 does to unconfined programs: the namespace comes, the rights in it do not. */
static void a_host_that_refuses_the_mount_keeps_the_namespaces(void **state)
{
    static const struct refusal refusals[] = {{SCMP_SYS(mount), EACCES}, {0}};
    struct visit visit = {.refusals = refusals, .closes = true};

    (void)state;
    visit_start(&visit, NULL, NULL);
    assert_same_but(&visit, CELL_BIT(LAYER(EMPTY_ROOT)), EACCES);
    visit_end(&visit);
}

static void a_container_that_refuses_every_namespace_keeps_the_rest(void **state)
{
    static const struct refusal refusals[] = {
        {SCMP_SYS(unshare), EPERM}, {SCMP_SYS(mount), EPERM}, {SCMP_SYS(pivot_root), EPERM}, {0}};
    struct visit visit = {.refusals = refusals, .closes = true};

    (void)state;
    visit_start(&visit, NULL, NULL);
    assert_same_but(&visit, CELL_NAMESPACES, EPERM);
    assert_int_equal(visit.met->init_pid, 0);
    visit_end(&visit);
}

static void an_old_kernel_is_reported_layer_by_layer(void **state)
{
    static const struct refusal refusals[] = {{SCMP_SYS(landlock_create_ruleset), ENOSYS},
                                              {SCMP_SYS(close_range), ENOSYS},
                                              {SCMP_SYS(pidfd_open), ENOSYS},
                                              {SCMP_SYS(prctl), EINVAL, 0, 0xffffffff, 65},
                                              {0}};
    struct visit visit = {.refusals = refusals, .closes = true};

    (void)state;
    visit_start(&visit, NULL, NULL);
    assert_same_but(&visit,
                    CELL_BIT(LAYER(LANDLOCK_FILES)) | CELL_BIT(LAYER(LANDLOCK_NETWORK)) |
                        CELL_BIT(LAYER(LANDLOCK_SCOPES)) | CELL_BIT(LAYER(MEMORY_DENY_WRITE_EXECUTE)),
                    0);
    assert_int_equal(fact(&visit, LAYER(LANDLOCK_FILES))->error, ENOSYS);
    assert_int_equal(fact(&visit, LAYER(MEMORY_DENY_WRITE_EXECUTE))->error, EINVAL);
    visit_end(&visit);
}

static void a_filter_that_does_not_load_is_never_called_a_filter(void **state)
{
    static const struct refusal refusals[] = {{SCMP_SYS(seccomp), EACCES}, {0}};
    struct visit visit = {.refusals = refusals, .closes = true};

    (void)state;
    visit_start(&visit, NULL, NULL);
    assert_same_but(&visit, CELL_BIT(LAYER(SECCOMP)), EACCES);
    visit_end(&visit);
}

static void use_resources(struct met *met, void *argument)
{
    size_t half = *(size_t *)argument / 2;

    met->answers[0] = mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
    met->answers[1] = mmap(NULL, half, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
    met->answers[2] = errno;
    /* Address space alone is not memory: decoders reserve it. */
    met->answers[3] = mmap(NULL, half * 4, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
    for (met->answers[4] = 0; dup(2) >= 0;)
        met->answers[4]++;
}

static void memory_and_descriptors_are_limited(void **state)
{
    struct visit visit = {.closes = true, .memory_limit_bytes = 256 << 20, .without = CELL_BIT(LAYER(SECCOMP))};
    size_t limit = 256 << 20;

    (void)state;
#ifdef BULKHEAD_SANITIZED
    print_message("skipped: a sanitizer build has no memory limit\n");
    skip();
#endif
    visit_start(&visit, use_resources, &limit);
    assert_int_equal(visit.met->answers[0], 0);
    assert_int_equal(visit.met->answers[1], 1);
    assert_int_equal(visit.met->answers[2], ENOMEM);
    assert_int_equal(visit.met->answers[3], 0);
    assert_int_equal(visit.met->answers[4], 32 - 3);
    visit_end(&visit);
}

static void write_through_a_mapping(struct met *met, void *argument)
{
    char *shared = argument;

    shared[4096] = 'x';
    met->answers[0] = shared[4096];
}

/* Frame memory is written by stores; a file size limit of 0 must not mind. */
static void a_file_size_limit_leaves_shared_memory_alone(void **state)
{
    struct visit visit = {.closes = true};
    int fd = memfd_create("frame", MFD_CLOEXEC);
    char *shared;

    (void)state;
    assert_int_equal(ftruncate(fd, 8192), 0);
    shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    visit_start(&visit, write_through_a_mapping, shared);
    assert_int_equal(visit.status, 0);
    assert_int_equal(shared[4096], 'x');
    visit_end(&visit);
    munmap(shared, 8192);
    close(fd);
}

static void count_fds(struct met *met, void *argument)
{
    (void)argument;
    for (int fd = 0; fd < 1024; fd++)
        met->answers[0] += fcntl(fd, F_GETFD) >= 0;
}

static void descriptors_that_are_not_kept_are_closed(void **state)
{
    struct visit visit = {.closes = true, .without = CELL_BIT(LAYER(SECCOMP))};
    int strays[3] = {dup(2), fcntl(2, F_DUPFD, 40), fcntl(2, F_DUPFD, 200)};

    (void)state;
    visit_start(&visit, count_fds, NULL);
    assert_int_equal(visit.met->answers[0], 3);
    visit_end(&visit);
    for (int i = 0; i < 3; i++)
        close(strays[i]);
}

static void too_many_kept_descriptors_are_our_own_mistake(void **state)
{
    struct cell_facts facts = {0};
    int fds[CELL_KEEP_FDS + 1] = {0};

    (void)state;
    assert_int_equal(cell_limits_close_fds(fds, CELL_KEEP_FDS + 1, &facts), -EINVAL);
}

static void facts_are_listed_in_order_and_only_if_attempted(void **state)
{
    struct cell_facts facts = {0};
    Bulkhead__LayerFact storage[CELL_LAYERS], *list[CELL_LAYERS];

    (void)state;
    assert_int_equal(cell_facts_list(&facts, storage, list), 0);
    cell_fact_set(&facts, LAYER(SECCOMP), 0, "%d rows", 5);
    cell_fact_set(&facts, LAYER(NET_NAMESPACE), EPERM, "refused");
    assert_int_equal(cell_facts_list(&facts, storage, list), 2);
    assert_int_equal(list[0]->layer, LAYER(NET_NAMESPACE));
    assert_false(list[0]->in_force);
    assert_int_equal(list[0]->error, EPERM);
    assert_int_equal(list[1]->layer, LAYER(SECCOMP));
    assert_true(list[1]->in_force);
    assert_memory_equal(list[1]->evidence.data, "5 rows", 6);
}

static void layers_fit_the_protocol(void **state)
{
    (void)state;
    /* Behind the cell's own come those that are the broker's. */
    assert_int_equal(BULKHEAD__LAYER_FACT__LAYER__CGROUP_LIMITS, CELL_LAYERS);
    assert_true(bulkhead__layer_fact__layer__descriptor.n_values > CELL_LAYERS);
    for (unsigned i = 0; i < bulkhead__layer_fact__layer__descriptor.n_values; i++)
        assert_int_equal(bulkhead__layer_fact__layer__descriptor.values[i].value, i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, leaks_remember, leaks_assert_none)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_layer_is_attempted_and_says_what_it_saw),
        TEST(the_root_is_empty_and_read_only),
        TEST(a_chroot_gets_an_empty_root_and_shows_no_mount_outside),
        TEST(landlock_refuses_files_even_where_there_are_some),
        TEST(there_is_no_network),
        TEST(landlock_keeps_signals_inside),
        TEST(nobody_is_root_and_children_are_born_in_the_pid_namespace),
        TEST(without_user_namespaces_root_still_gets_the_others),
        TEST(each_layer_can_be_missing_alone),
        TEST(a_host_that_refuses_user_namespaces_leaves_the_rest_to_root),
        TEST(a_host_that_refuses_the_mount_keeps_the_namespaces),
        TEST(a_container_that_refuses_every_namespace_keeps_the_rest),
        TEST(an_old_kernel_is_reported_layer_by_layer),
        TEST(a_filter_that_does_not_load_is_never_called_a_filter),
        TEST(memory_and_descriptors_are_limited),
        TEST(a_file_size_limit_leaves_shared_memory_alone),
        TEST(descriptors_that_are_not_kept_are_closed),
        TEST(too_many_kept_descriptors_are_our_own_mistake),
        TEST(facts_are_listed_in_order_and_only_if_attempted),
        TEST(layers_fit_the_protocol),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
