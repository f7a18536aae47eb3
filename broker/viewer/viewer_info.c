#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/trace/report.h"
#include "broker/viewer/viewer_private.h"
#include "common/text.h"

const char *viewer_overlay_title(enum viewer_overlay overlay)
{
    switch (overlay) {
    case VIEWER_OVERLAY_NONE:
        return "";
    case VIEWER_OVERLAY_HELP:
        return "Help";
    case VIEWER_OVERLAY_INFO:
        return "Document, files, renderer, sandbox";
    case VIEWER_OVERLAY_EVENTS:
        return "Events";
    case VIEWER_OVERLAY_SANDBOX:
        return "Sandbox, as it was when this was opened";
    }
    return "";
}

static void viewer_print_warnings(FILE *out, const struct document_warnings *warnings)
{
    const struct document_warning *warning;

    for (size_t i = 0; (warning = document_warnings_damage(warnings, i)); i++) {
        char text[384];

        document_warnings_format(text, sizeof(text), warning, 0);
        fprintf(out, "%s  %s\n", i == 0 ? "\nIt may be incomplete\n" : "", text);
    }
    if (warnings->left_out)
        fprintf(out, "  and %u more\n", warnings->left_out);
}

static void viewer_print_document(FILE *out, const struct viewer_tab *tab)
{
    struct document *document = tab_document(tab->tab);
    const struct tab_info *info = tab_info(tab->tab);
    char size[32], location[1024];

    text_format_bytes(size, sizeof(size), document_size_bytes(document));
    text_escape(location, sizeof(location), document_location(document), strlen(document_location(document)));
    fprintf(out, "Document\n  %s\n  %s", tab->title, location);
    if (document_url(document)[0] == '\0')
        fprintf(out, ", %s", size);
    if (info)
        fprintf(out, "\n  %s, %u %s, first page %.0f × %.0f pt%s", info->format, info->page_count,
                info->page_count == 1 ? "page" : "pages", (double)info->page_width_pt, (double)info->page_height_pt,
                info->reflowable ? ", reflowable" : "");
    fputs("\n\nFiles it asked for\n", out);

    size_t count;
    const struct document_grant *grants = document_grants(document, &count);
    for (size_t i = 0; i < count; i++) {
        bool granted = grants[i].status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED;
        text_format_bytes(size, sizeof(size), grants[i].size_bytes);
        fprintf(out, "  %s %-22s %s%s%s\n", granted ? "✓" : "✗", document_grant_status_name(grants[i].status),
                grants[i].path, granted ? ", " : "", granted ? size : "");
    }
    if (count == 0)
        fputs("  none\n", out);
    viewer_print_warnings(out, document_warnings(document));
}

static void viewer_print_renderer(FILE *out, const struct viewer_tab *tab)
{
    char ping[32];

    report_format_duration(ping, sizeof(ping), tab_ping_p99_ns(tab->tab));
    fprintf(out, "\nRenderer\n  %s", tab_state_name(tab_state(tab->tab)));
    if (tab_pid(tab->tab))
        fprintf(out, ", renderer %u, pid %d", tab_renderer_id(tab->tab), (int)tab_pid(tab->tab));
    fprintf(out, ", %s\n  frames %llu, lost %llu, ping p99 %s\n", broker_engine_version(tab->viewer->broker),
            (unsigned long long)tab_frames_received(tab->tab), (unsigned long long)tab_frames_lost(tab->tab), ping);

    const struct exit_report *end = tab_last_end(tab->tab);
    char *text = end ? report_end_text(end, tab->backtrace) : NULL;
    if (text)
        fprintf(out, "\nHow its last renderer ended\n%s", text);
    free(text);
}

static char *viewer_info_text(const struct viewer *viewer)
{
    const struct viewer_tab *tab = viewer->count ? viewer->tabs[viewer->active] : NULL;
    char *text = NULL, *messages;
    struct counters sum;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    if (tab) {
        viewer_print_document(out, tab);
        viewer_print_renderer(out, tab);
    }
    fputs("\nSandbox, as the cell itself found it\n", out);
    viewer_print_sandbox(out, viewer->broker);
    counters_init(&sum);
    if (tab)
        tab_add_counters(tab->tab, &sum);
    messages = report_counters_text(&sum);
    fprintf(out, "\nMessages\n%s", messages ? messages : "");
    free(messages);
    counters_fini(&sum);
    fclose(out);
    return text;
}

static char *viewer_help_text(const struct viewer *viewer)
{
    static const char keys[] =
        "1 … 9        tab by number\n"
        "Tab          next tab (Shift-Tab: the one before)\n"
        "↑ ↓ ← →      scroll; in the overview: another tab\n"
        "Space, PgDn  a screen down; after the end of a page, the next one\n"
        "b, PgUp      a screen up\n"
        "Home, End    top and bottom of the page\n"
        "n p          next page, page before\n"
        "+ - 0        zoom in, out, as it fits\n"
        "f            whole page or page width\n"
        "g            overview of all tabs and back\n"
        "i            the document, files it asked for, how its renderer ended, sandbox, messages\n"
        "s            what its renderer is really in, layer by layer, and the evidence\n"
        "e            events so far\n"
        "r            reload with a new renderer (R: even if quarantined)\n"
        "x            close the tab\n"
        "other keys   go to the page: about: pages answer to them\n"
        "?            this help; Esc closes it\n"
        "q            quit\n";
    static const char crashes[] = "\nCrash tests, in the renderer of this tab\n"
                                  "C            a wild write\n"
                                  "H            a hang\n"
                                  "M            out of memory\n"
                                  "S            a forbidden system call\n";
    char *text = NULL;

    if (asprintf(&text, "%s%s", keys, viewer->options->crash_tests ? crashes : "") < 0)
        return NULL;
    return text;
}

static char *viewer_events_text(const struct viewer *viewer)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (size_t i = 0; i < viewer->event_count; i++) /* newest first */
        fprintf(out, "%s\n", viewer->events[(viewer->event_next + VIEWER_EVENTS - 1 - i) % VIEWER_EVENTS]);
    if (viewer->event_count == 0)
        fputs("none yet\n", out);
    fclose(out);
    return text;
}

void viewer_overlay_renew(struct viewer *viewer)
{
    free(viewer->overlay_text);
    viewer->overlay_text = NULL;
    switch (viewer->overlay) {
    case VIEWER_OVERLAY_NONE:
        break;
    case VIEWER_OVERLAY_HELP:
        viewer->overlay_text = viewer_help_text(viewer);
        break;
    case VIEWER_OVERLAY_INFO:
        viewer->overlay_text = viewer_info_text(viewer);
        break;
    case VIEWER_OVERLAY_EVENTS:
        viewer->overlay_text = viewer_events_text(viewer);
        break;
    case VIEWER_OVERLAY_SANDBOX:
        viewer->overlay_text = viewer_sandbox_page(viewer);
        break;
    }
}

/* Looking at processes takes as long as painting: not at every tick. */
void viewer_overlay_refresh(struct viewer *viewer)
{
    if (viewer->overlay != VIEWER_OVERLAY_SANDBOX)
        viewer_overlay_renew(viewer);
}

/* The key that opens an overlay closes it as well. */
void viewer_overlay_open(struct viewer *viewer, enum viewer_overlay overlay)
{
    viewer->overlay = viewer->overlay == overlay ? VIEWER_OVERLAY_NONE : overlay;
    viewer->overlay_scroll = 0;
    viewer_overlay_renew(viewer);
    viewer_touch(viewer);
}
