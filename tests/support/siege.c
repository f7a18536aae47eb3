#include "tests/support/siege.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/fd.h"
#include "common/log.h"
#include "tests/support/process.h"

static const char quick_policy[] =
    "{\"start_timeout_ms\": 600, \"ping_interval_ms\": 100, \"unresponsive_after_ms\": 300, \"hung_after_ms\": 300,"
    " \"request_timeout_ms\": 5000, \"messages_per_second\": 2000, \"files_per_document\": 32}";

static void check_line(const char *line)
{
    for (const char *at = line; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            fail_msg("control byte %02x in a line", (unsigned char)*at);
}

static void on_log(enum log_level level, const char *line, void *userdata)
{
    struct siege *siege = userdata;
    (void)level;
    check_line(line);
    if (getenv("SIEGE_VERBOSE") != NULL)
        print_message("%s\n", line);
    if (strstr(line, "text=\"") != NULL)
        siege->log_bytes += strlen(line);
}

static void on_event(struct broker *broker, const char *line, void *userdata)
{
    (void)broker;
    (void)userdata;
    check_line(line);
}

static void on_cell_failed(struct broker *broker, int error, const char *why, void *userdata)
{
    struct siege *siege = userdata;
    (void)broker;
    assert_true(error < 0);
    check_line(why);
    snprintf(siege->why, sizeof siege->why, "%s", why);
    siege->has_cell_failed = true;
}

static void on_backtrace(struct broker *broker, const struct exit_report *report, const char *text, void *userdata)
{
    struct siege *siege = userdata;
    (void)broker;
    (void)report;
    assert_null(strchr(text, '\033'));
    siege->backtraces++;
}

static void on_crash_report(struct broker *broker, const struct exit_report *report, const char *path, const char *why,
                            void *userdata)
{
    struct siege *siege = userdata;
    (void)broker;
    assert_true(report->pid > 0);
    assert_true((path == NULL) != (why == NULL));
    check_line(path != NULL ? path : why);
    siege->reports += path != NULL;
    siege->unwritten += path == NULL;
}

static const struct broker_listener listener = {
    .event = on_event, .cell_failed = on_cell_failed, .backtrace = on_backtrace, .crash_report = on_crash_report};

static void renderer_path(char *out, size_t out_bytes)
{
    char self[400];
    const char *build = getenv("BULKHEAD_BUILD");
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = '\0';
    char *tests = strstr(self, "/tests/");
    if (build != NULL)
        snprintf(out, out_bytes, "%s/tests/hostile-renderer", build);
    else
        snprintf(out, out_bytes, "%.*s/tests/hostile-renderer", tests != NULL ? (int)(tests - self) : 0, self);
}

size_t siege_count_children(void)
{
    char path[64];
    int pid;
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getpid(), (int)getpid());
    FILE *file = fopen(path, "r");
    while (file != NULL && fscanf(file, "%d", &pid) == 1)
        count++;
    if (file != NULL)
        fclose(file);
    return count;
}

size_t siege_resident_bytes(void)
{
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%lu %lu", &size, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

void siege_open(struct siege *siege, enum hostile_zygote vice, const char *policy, const char *trace_path)
{
    char path[512], policy_path[64];
    *siege = (struct siege){.directory = "/tmp/bulkhead-siege-XXXXXX", .fds_before = fd_count_open()};
    assert_non_null(mkdtemp(siege->directory));
    snprintf(policy_path, sizeof policy_path, "%s/policy.json", siege->directory);
    FILE *file = fopen(policy_path, "w");
    assert_non_null(file);
    fputs(policy != NULL ? policy : quick_policy, file);
    fclose(file);
    renderer_path(path, sizeof path);
    log_set_level(LOG_INFO);
    log_set_sink(on_log, siege);
    const struct broker_options options = {
        .renderer_path = path,
        .policy_path = policy_path,
        .trace_path = trace_path,
        .without = (layer_set)vice << HOSTILE_ZYGOTE_SHIFT,
        .spares = 1,
    };
    assert_int_equal(broker_create(&options, &listener, siege, &siege->broker), 0);
    unlink(policy_path);
}

void siege_close(struct siege *siege)
{
    pid_t below[64];
    broker_destroy(siege->broker);
    log_set_sink(NULL, NULL);
    assert_int_equal(siege_count_children(), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    assert_int_equal(process_descendants(getpid(), below, 64), 0);
    assert_int_equal(fd_count_open(), siege->fds_before);
    rmdir(siege->directory);
}

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    struct siege_tab *self = userdata;
    check_line(info->title);
    check_line(info->format);
    snprintf(self->title, sizeof self->title, "%s", info->title);
    self->has_info = true;
    tab_measure(tab, 0); /* 0 when these were the last words of a renderer that is condemned already */
}

static void paint(struct siege_tab *self, uint32_t edge_px)
{
    int error;
    const struct tab_view view = {.width_px = edge_px,
                                  .height_px = edge_px,
                                  .scale_x = 1,
                                  .scale_y = 1,
                                  .frames_per_second = self->frames_per_second};
    tab_paint(self->tab, &view, &error);
    assert_int_equal(error, 0);
}

static void on_bounds(struct tab *tab, uint64_t request_id, const struct tab_bounds *bounds, void *userdata)
{
    struct siege_tab *self = userdata;
    (void)tab;
    (void)request_id;
    assert_int_equal(bounds->page, 0);
    if (self->is_resized_first)
        paint(self, 8);
    paint(self, 16);
}

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct siege_tab *self = userdata;
    (void)tab;
    assert_int_equal(frame->page, 0);
    assert_true(frame->damage_count <= LIMIT_DAMAGE_RECTS);
    self->has_frame = true;
    self->frames++;
    self->last_sequence = frame->sequence;
}

static void on_failed(struct tab *tab, uint64_t request_id, Bulkhead__Error__Code code, const char *detail,
                      void *userdata)
{
    struct siege_tab *self = userdata;
    (void)tab;
    (void)request_id;
    (void)code;
    check_line(detail);
    snprintf(self->detail, sizeof self->detail, "%s", detail);
    self->has_failed = true;
}

static void on_ended(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct siege_tab *self = userdata;
    (void)tab;
    check_line(report->summary);
    self->end = *report;
    self->has_ended = true;
    self->ends++;
}

static const struct tab_listener tab_listener = {
    .info = on_info, .bounds = on_bounds, .frame = on_frame, .failed = on_failed, .ended = on_ended};

void siege_attack(struct siege *siege, const char *location, struct siege_tab *tab)
{
    const struct tab_options options = {0};
    tab->has_info = tab->has_frame = tab->has_failed = tab->has_ended = false;
    tab->frames = tab->ends = 0;
    assert_int_equal(document_open(location, &tab->document), DOCUMENT_OK);
    assert_int_equal(tab_open(siege->broker, tab->document, &options, &tab_listener, tab, &tab->tab), 0);
}

void siege_tab_close(struct siege_tab *tab)
{
    assert_true(tab->ends <= 1);
    tab_close(tab->tab);
    document_unref(tab->document);
}

pid_t siege_pid(struct siege *siege, const struct siege_tab *tab)
{
    uint64_t deadline = clock_now_ms() + SIEGE_DEADLINE_MS;
    while (tab_pid(tab->tab) == 0 && clock_now_ms() < deadline)
        siege_run(siege, 10);
    assert_true(tab_pid(tab->tab) > 0);
    return tab_pid(tab->tab);
}

void siege_until(struct siege *siege, const bool *flag, const char *what)
{
    uint64_t deadline = clock_now_ms() + SIEGE_DEADLINE_MS;
    while (!*flag && clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(broker_loop(siege->broker), 50), 0);
    if (!*flag)
        fail_msg("no end: %s", what);
}

void siege_until_frames(struct siege *siege, const struct siege_tab *tab, unsigned frames)
{
    uint64_t deadline = clock_now_ms() + SIEGE_DEADLINE_MS;
    unsigned wanted = tab->frames + frames;
    while (tab->frames < wanted && clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(broker_loop(siege->broker), 50), 0);
    assert_true(tab->frames >= wanted);
    assert_false(tab->has_ended);
}

void siege_run(struct siege *siege, int duration_ms)
{
    uint64_t deadline = clock_now_ms() + (uint64_t)duration_ms;
    while (clock_now_ms() < deadline)
        assert_int_equal(loop_run_once(broker_loop(siege->broker), 10), 0);
}
