/* batch.h - many inputs in, one clear result for each: what render and info have in common.
 *
 * A batch owns a broker, the encoder threads and the results. Each input gets a renderer of its own, or several when it
 * has many pages; inputs never share one. One bad input never stops the others: every input ends as "ok" or with an
 * error that has an exit code, a message and, where there is one, a way out. Pages that were written stay written
 * whatever happens to the rest.
 *
 * When a renderer ends badly in the middle of a document, the page it was at is not tried again; the pages after it
 * go on in a fresh renderer, until the document has ended as many renderers as the policy allows (quarantine_ends).
 */
#ifndef BULKHEAD_BATCH_H
#define BULKHEAD_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"
#include "broker/command/exit_codes.h"
#include "broker/crash/exit_advice.h"
#include "broker/document/tab.h"
#include "broker/output/encode_image.h"
#include "broker/output/output_name.h"
#include "broker/output/page_range.h"
#include "broker/output/page_size.h"

struct batch;

/* All pointers are borrowed for the batch's life. */
struct batch_options {
    struct broker_options broker;
    unsigned jobs; /* renderers at once; at least 1 */
    uint32_t timeout_ms;
    const char *password;
    float layout_width_pt, layout_height_pt, layout_em_pt;
    bool no_files;   /* documents may ask for nothing */
    bool paint;      /* false: only find out what the inputs are */
    bool backtraces; /* wait for the backtraces of renderers that crashed, even if there are no crash reports */
    bool to_stdout;  /* pages go to standard output, in order */
    bool has_crash_test, crash_every;
    Bulkhead__CrashTest__Kind crash_test; /* for each input's first renderer; with crash_every for all of them */
    const struct page_range *pages;
    const struct output_name *output_name; /* NULL with to_stdout */
    struct page_size_request size;
    struct encode_options encode;
};

/* code EXIT_CODE_OK: no error, and no strings. */
struct batch_error {
    enum exit_code code;
    char *message; /* owned, escaped, without the input's name */
    char *way_out; /* owned; NULL: the exit code's own, if it has one; "": none */
};

enum batch_page_state { BATCH_PAGE_WAITING, BATCH_PAGE_AT_WORK, BATCH_PAGE_WRITTEN, BATCH_PAGE_FAILED };

struct batch_page {
    uint32_t page; /* from 0 */
    enum batch_page_state state;
    uint32_t width_px, height_px;
    uint32_t paint_us;
    uint64_t encode_ns;
    char *output;                         /* owned; NULL until it is known */
    const struct batch_page *name_holder; /* the page that has this name, maybe itself; NULL: no other wants it */
    struct batch_error error;
};

/* One renderer's end that was not its natural one. */
struct batch_end {
    enum exit_cause cause;
    enum kill_reason kill_reason;
    enum violation violation;
    enum oom_kind oom;
    unsigned renderer_id;
    pid_t pid;
    int wait_code, wait_status;
    bool has_page;
    uint32_t page;
    char *backtrace; /* owned: a frame a line, escaped; NULL: none, or not waited for */
    char *report;    /* owned: path of its crash report, escaped; NULL: none */
    char summary[256];
    struct exit_advice advice;
};

struct batch_file {
    size_t index;
    const char *input;
    struct document *document; /* NULL if it could not be opened */
    bool is_started, is_done, has_info;
    struct tab_info info;
    struct batch_page *pages;
    size_t page_count, next_page, pages_settled, pages_written;
    struct batch_end *ends;
    size_t end_count;
    struct batch_error error; /* the first there was */
    unsigned workers;         /* renderers at work on it */
    unsigned workers_started;
    bool is_given_up; /* no more renderers for it */
    bool is_named;    /* its pages' names are chosen */
};

/* Called from the loop. */
struct batch_listener {
    void (*cell_ready)(struct batch *batch, void *userdata);
    /* One is being worked at now. */
    void (*page_begun)(struct batch *batch, const struct batch_file *file, void *userdata);
    void (*page_done)(struct batch *batch, const struct batch_file *file, const struct batch_page *page,
                      void *userdata);
    void (*file_done)(struct batch *batch, const struct batch_file *file, void *userdata);
    /* A crash report was written at `path`, or NULL and why not; escaped. file: of which input, NULL if of none. */
    void (*crash_report)(struct batch *batch, const struct batch_file *file, const char *path, const char *why,
                         void *userdata);
};

/* Starts the broker. 0 or -errno; with an error for people in *ret_error, which the caller clears (batch_error_clear).
 */
int batch_create(const struct batch_options *options, char *const *inputs, size_t count,
                 const struct batch_listener *listener, void *userdata, struct batch **ret_batch,
                 struct batch_error *ret_error);
/* Works until every input is done or the batch is interrupted. Returns the exit code. */
int batch_run(struct batch *batch);
/* Removes what is unfinished. Takes NULL. */
void batch_destroy(struct batch *batch);

struct broker *batch_broker(struct batch *batch);
const struct batch_file *batch_files(const struct batch *batch, size_t *ret_count);
/* Why no renderer could be had at all (cell, required layer); code EXIT_CODE_OK if that did not happen. */
const struct batch_error *batch_start_error(const struct batch *batch);
/* Pages known of so far, and how many of them are settled; inputs not opened yet count as one page each. */
void batch_progress(const struct batch *batch, size_t *ret_settled, size_t *ret_total);

void batch_error_clear(struct batch_error *error);
/* The way out to show, or NULL. */
const char *batch_error_way_out(const struct batch_error *error);

#endif
