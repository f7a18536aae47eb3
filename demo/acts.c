#include "demo/acts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/trace/report.h"
#include "common/clock.h"
#include "demo/figures.h"

enum {
    ACTS_OPEN_MS = 10000,
    ACTS_LOOK_MS = 1000,      /* to look at the tabs before anything happens */
    ACTS_QUIET_MS = 1500,     /* before each misdeed, to compare with */
    ACTS_REPORT_MS = 1500,    /* to look at the report of an end */
    ACTS_SAD_MS = 1300,       /* to look at the sad tab */
    ACTS_AFTER_MS = 800,      /* to look at the figures */
    ACTS_BACKTRACE_MS = 5500, /* the symboliser has 5 s */
    ACTS_RELOAD_MS = 5000,
};

/* A way to misbehave, and what must come of it. */
struct acts_misdeed {
    const char *tab, *title;
    Bulkhead__CrashTest__Kind kind;
    enum exit_cause cause;
    uint32_t within_ms;
};

static const struct acts_misdeed acts_misdeeds_list[ACTS_MISDEEDS] = {
    {"tour.pdf", "a wild write, a real SIGSEGV in the renderer's own code", BULKHEAD__CRASH_TEST__KIND__WILD_WRITE,
     EXIT_CAUSE_CRASHED, 3000},
    {"about:clock", "a hang: its engine never comes back", BULKHEAD__CRASH_TEST__KIND__HANG, EXIT_CAUSE_HUNG, 5000},
#ifndef BULKHEAD_SANITIZED
    {"sea.jpg", "out of memory: it wants more than it may have", BULKHEAD__CRASH_TEST__KIND__OUT_OF_MEMORY,
     EXIT_CAUSE_OUT_OF_MEMORY, 6000},
#endif
    {"index.html", "a forbidden system call", BULKHEAD__CRASH_TEST__KIND__FORBIDDEN_SYSCALL,
     EXIT_CAUSE_SANDBOX_VIOLATION, 3000},
};

static bool acts_is_painted(const struct stage *stage, size_t tab)
{
    return tab_state(viewer_tab(stage->viewer, tab)) == TAB_LIVE && tab_frame(viewer_tab(stage->viewer, tab));
}

static bool acts_are_all_painted(const struct stage *stage, size_t ignored)
{
    (void)ignored;
    for (size_t i = 0; i < stage->count; i++)
        if (!acts_is_painted(stage, i))
            return false;
    return true;
}

static bool acts_has_ended(const struct stage *stage, size_t tab)
{
    enum tab_state state = tab_state(viewer_tab(stage->viewer, tab));

    return state == TAB_SAD || state == TAB_QUARANTINED;
}

static bool acts_has_backtrace(const struct stage *stage, size_t tab)
{
    return viewer_backtrace(stage->viewer, tab) != NULL;
}

static bool acts_is_repainted(const struct stage *stage, size_t tab)
{
    return stage->tabs[tab].repainted_ns && acts_is_painted(stage, tab);
}

static void acts_say_tabs(struct stage *stage)
{
    for (size_t i = 0; i < stage->count; i++) {
        const struct tab *tab = viewer_tab(stage->viewer, i);
        const struct tab_info *info = tab_info(tab);
        if (!acts_is_painted(stage, i)) {
            stage_check(stage, false, "%s painted (it is %s)", stage->tabs[i].name, tab_state_name(tab_state(tab)));
            continue;
        }
        if (!stage->on_terminal)
            stage_say(stage, "  %-18s %-6s %u %s  renderer %u  pid %d  \"%s\"", stage->tabs[i].name, info->format,
                      info->page_count, info->page_count == 1 ? "page " : "pages", tab_renderer_id(tab),
                      (int)tab_pid(tab), viewer_title(stage->viewer, i));
    }
}

bool acts_open(struct stage *stage)
{
    char sandbox[256], *text;

    stage_heading(stage, "%zu documents and scenes, each in a tab and a sandboxed renderer of its own", stage->count);
    bool painted = stage_wait(stage, ACTS_OPEN_MS, acts_are_all_painted, 0);
    if (stage->is_over)
        return false;
    acts_say_tabs(stage);
    viewer_sandbox_line(stage->broker, sandbox, sizeof(sandbox));
    text = viewer_sandbox_text(stage->viewer);
    stage_show(stage, "Sandbox of every process, as observed", text ? text : sandbox);
    free(text);
    stage_check(stage, painted, "all %zu tabs painted, %.2f s after the start", stage->count,
                (double)(clock_now_ms() - stage->start_ms) / 1000);
    return painted && stage_look(stage, ACTS_LOOK_MS);
}

/* The report of the end, and the table of the neighbours once there is one. */
static void acts_show(struct stage *stage, size_t tab, const char *table)
{
    const struct exit_report *end = tab_last_end(viewer_tab(stage->viewer, tab));
    char *report = end ? report_end_text(end, viewer_backtrace(stage->viewer, tab)) : NULL, *text = NULL;

    /* Lines without a terminal scroll by: there the table comes alone. */
    if (table && !stage->on_terminal)
        stage_show(stage, "Its neighbours meanwhile", table);
    else if (asprintf(&text, "%s%s%s", table ? table : "", table ? "\n" : "", report ? report : "") >= 0)
        stage_show(stage, table ? "Its neighbours meanwhile" : stage->tabs[tab].name, text);
    free(text);
    free(report);
}

static bool acts_misbehave(struct stage *stage, const struct acts_misdeed *misdeed, size_t tab)
{
    char took[32];

    stage->tabs[tab].told_ns = clock_now_ns();
    stage->tabs[tab].ended_ns = 0;
    int r = tab_crash_test(viewer_tab(stage->viewer, tab), misdeed->kind);
    if (!stage_expect(stage, r == 0, "it can be told to misbehave"))
        return false;
    stage_say(stage, "told the renderer of %s (pid %d) to do it", misdeed->tab,
              (int)tab_pid(viewer_tab(stage->viewer, tab)));
    bool ended = stage_wait(stage, misdeed->within_ms, acts_has_ended, tab);
    const struct exit_report *end = tab_last_end(viewer_tab(stage->viewer, tab));
    if (!stage_expect(stage, ended && end, "its renderer ended in time"))
        return false;
    report_format_duration(took, sizeof(took), stage->tabs[tab].ended_ns - stage->tabs[tab].told_ns);
    if (misdeed->cause == EXIT_CAUSE_HUNG)
        stage_expect(stage, stage->tabs[tab].is_unresponsive_seen, "it was seen as unresponsive first");
    stage_check(stage, end->cause == misdeed->cause, "%s, known %s after it was told: %s",
                exit_cause_name(misdeed->cause), took, end->summary);
    return true;
}

static void acts_explain(struct stage *stage, size_t tab)
{
    struct tab *own = viewer_tab(stage->viewer, tab);

    if (stage->on_terminal)
        acts_show(stage, tab, NULL); /* what is known already; lines come once, when all of it is */
    bool known = stage_wait(stage, ACTS_BACKTRACE_MS, acts_has_backtrace, tab);
    const char *text = viewer_backtrace(stage->viewer, tab);
    stage_check(stage, known && strstr(text, "crash_test"), "a backtrace with symbols that names the culprit");
    acts_show(stage, tab, NULL);
    stage_look(stage, ACTS_REPORT_MS);
    stage_check(stage, tab_frame(own) != NULL, "the sad tab keeps its last good frame");
    viewer_set_mode(stage->viewer, VIEWER_PAGE);
    stage_look(stage, ACTS_SAD_MS);
    viewer_set_mode(stage->viewer, VIEWER_OVERVIEW);
}

static void acts_reload(struct stage *stage, size_t tab, char *took, size_t took_bytes)
{
    struct stage_tab *own = &stage->tabs[tab];

    own->repainted_ns = 0;
    own->reload_ns = clock_now_ns();
    int r = viewer_reload(stage->viewer, tab, false);
    bool repainted = r == 0 && stage_wait(stage, ACTS_RELOAD_MS, acts_is_repainted, tab);
    report_format_duration(took, took_bytes, repainted ? own->repainted_ns - own->reload_ns : 0);
    stage_check(stage, repainted, "reloaded: a new renderer (pid %d), its picture back after %s",
                (int)tab_pid(viewer_tab(stage->viewer, tab)), took);
}

/* What else took frames, where anything did: "; 3 more were missing, 2 in as long a quiet stretch before, …". */
static void acts_excuse(const struct loss *loss, char *out, size_t out_bytes)
{
    uint64_t excused = loss->missing - (loss->lost < loss->missing ? loss->lost : loss->missing);

    out[0] = '\0';
    if (excused)
        snprintf(out, out_bytes,
                 "; not for the crash: %llu (%llu in as long a quiet stretch before, %llu for want of a "
                 "processor)",
                 (unsigned long long)excused, (unsigned long long)loss->quiet, (unsigned long long)loss->late);
}

static void acts_neighbours(struct stage *stage, struct figures_story *story, size_t tab, struct figures_sum *ret_sum)
{
    char *table = NULL, excuse[160];
    size_t size;
    FILE *out = open_memstream(&table, &size);

    if (!out)
        return;
    figures_take(stage, &story->after);
    figures_compare(stage, story, tab, out, ret_sum);
    fclose(out);
    acts_show(stage, tab, table);
    free(table);
    acts_excuse(&ret_sum->loss, excuse, sizeof(excuse));
    stage_check(stage, ret_sum->loss.lost == 0 && ret_sum->silent == 0,
                "all %zu neighbours painted on: %llu frames due, %llu painted, %llu lost%s", ret_sum->neighbours,
                (unsigned long long)ret_sum->loss.due, (unsigned long long)ret_sum->loss.painted,
                (unsigned long long)ret_sum->loss.lost, excuse);
}

static void acts_misdeed(struct stage *stage, const struct acts_misdeed *misdeed, char *verdict)
{
    unsigned failed_before = stage->failed_steps;
    size_t tab = stage_find(stage, misdeed->tab);
    struct figures_sum sum = {0};
    struct figures_story story;
    char took[32] = "-";

    viewer_activate(stage->viewer, tab);
    viewer_set_panel(stage->viewer, "", NULL); /* room for the pictures until there is something to report */
    figures_take(stage, &story.quiet);
    stage_look(stage, ACTS_QUIET_MS);
    figures_take(stage, &story.before);
    if (acts_misbehave(stage, misdeed, tab)) {
        acts_explain(stage, tab);
        acts_reload(stage, tab, took, sizeof(took));
        acts_neighbours(stage, &story, tab, &sum);
        stage_look(stage, ACTS_AFTER_MS);
    }
    const struct exit_report *end = tab_last_end(viewer_tab(stage->viewer, tab));
    snprintf(verdict, ACTS_VERDICT_BYTES, "%s %s: %s; neighbours painted %llu frames, lost %llu; picture back in %s",
             stage->failed_steps == failed_before ? "✓" : "✗", misdeed->tab, end ? end->summary : "did not end",
             (unsigned long long)sum.loss.painted, (unsigned long long)sum.loss.lost, took);
}

void acts_misdeeds(struct stage *stage, struct acts_result *ret_result)
{
    size_t count = stage->options->stall_ms ? 1 : ACTS_MISDEEDS;
    for (size_t i = 0; i < count && !stage->is_over; i++) {
        const struct acts_misdeed *misdeed = &acts_misdeeds_list[i];
        stage_heading(stage, "%zu/%d  %s: %s", i + 1, ACTS_MISDEEDS, misdeed->tab, misdeed->title);
        acts_misdeed(stage, misdeed, ret_result->verdicts[i]);
        ret_result->count = stage->is_over ? i : i + 1;
    }
}
