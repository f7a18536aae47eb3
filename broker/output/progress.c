#include "broker/output/progress.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/text.h"

enum { PROGRESS_INTERVAL_NS = 80 * 1000 * 1000, PROGRESS_BAR_COLUMNS = 24, PROGRESS_LEAST_COLUMNS = 60 };

void progress_init(struct progress *progress, FILE *out, enum progress_style style)
{
    *progress = (struct progress){.out = out, .style = style, .tenth = -1};
}

static size_t columns_of(FILE *out)
{
    struct winsize size;
    return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void draw_bar(struct progress *progress, size_t done, size_t total, const char *what)
{
    size_t columns = columns_of(progress->out);
    size_t filled = total ? done * PROGRESS_BAR_COLUMNS / total : 0;
    fprintf(progress->out, "\r\033[K%zu/%zu ", done, total);
    if (columns >= PROGRESS_LEAST_COLUMNS) {
        fputc('[', progress->out);
        for (size_t i = 0; i < PROGRESS_BAR_COLUMNS; i++)
            fputc(i < filled ? '#' : '.', progress->out);
        fputs("] ", progress->out);
    }
    /* A line that wraps could not be erased; a name that might is left out. */
    if (columns > PROGRESS_BAR_COLUMNS + 50 && text_columns(what) + PROGRESS_BAR_COLUMNS + 26 < columns)
        fputs(what, progress->out);
    fflush(progress->out);
    progress->is_shown = true;
}

static void print_line(struct progress *progress, size_t done, size_t total, const char *what)
{
    int tenth = total ? (int)(done * 10 / total) : 0;
    if (tenth == progress->tenth)
        return;
    progress->tenth = tenth;
    fprintf(progress->out, "bulkhead: %zu of %zu pages%s%s\n", done, total, *what ? ", at " : "", what);
}

void progress_show(struct progress *progress, size_t done, size_t total, const char *what)
{
    uint64_t now_ns = clock_now_ns();
    if (progress->style == PROGRESS_LINES)
        print_line(progress, done, total, what);
    if (progress->style != PROGRESS_BAR || now_ns - progress->drawn_ns < PROGRESS_INTERVAL_NS)
        return;
    progress->drawn_ns = now_ns;
    draw_bar(progress, done, total, what);
}

void progress_hide(struct progress *progress)
{
    if (!progress->is_shown)
        return;
    fputs("\r\033[K", progress->out);
    fflush(progress->out);
    progress->is_shown = false;
}
