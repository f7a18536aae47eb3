/* batch_private.h - what batch*.c share. A batch has files, a file has workers, a worker has a tab. */
#ifndef BULKHEAD_BATCH_PRIVATE_H
#define BULKHEAD_BATCH_PRIVATE_H

#include "broker/command/batch.h"
#include "broker/output/encode.h"

struct batch_worker;

struct batch {
    struct batch_options options;
    const struct batch_listener *listener;
    void *userdata;
    struct broker *broker;
    struct encode *encode;
    struct output_guard guard;
    char **stems; // batch::file_count
    struct batch_file *files;
    size_t file_count, next_file, files_done;
    void *outputs;                // the pages that have a name for their file, by it (tsearch)
    struct batch_worker *workers; // batch_worker::next
    unsigned worker_count;
    struct batch_error start_error;
    enum exit_code stop_code;     // why the whole batch stops early; EXIT_CODE_OK = it does not
    bool is_over;                 // the loop has ended
    struct loop_source *deadline; // for running work after a signal
    struct loop_source *wake;     // batch_schedule() is due
};

/* batch.c */
void batch_wake(struct batch *batch);
bool batch_is_stopping(const struct batch *batch);
void batch_stop(struct batch *batch, enum exit_code code);

/* batch_file.c */
struct document *batch_file_open(struct batch *batch, struct batch_file *file);
/* Selects the pages once the renderer has said how many there are. False: the file failed. */
bool batch_file_select(struct batch *batch, struct batch_file *file, const struct tab_info *info);
/* The next page nobody is at, NULL if there is none. */
struct batch_page *batch_file_take_page(struct batch_file *file);
size_t batch_file_waiting(const struct batch_file *file);
void batch_file_page_failed(struct batch *batch, struct batch_file *file, struct batch_page *page,
                            struct batch_error *error);
void batch_file_page_written(struct batch *batch, struct batch_file *file, struct batch_page *page);
/* Fails all pages that wait; with a reason. */
void batch_file_give_up(struct batch *batch, struct batch_file *file, const struct batch_error *error);
void batch_file_note_end(struct batch_file *file, const struct exit_report *report, const struct batch_page *page);
/* Whether nothing is left to do; then marks it done and tells the listener. */
void batch_file_check_done(struct batch *batch, struct batch_file *file);
void batch_file_fini(struct batch_file *file);

/* batch_names.c */
/* Chooses the names of the file's pages, unless an earlier input has to do so first: then false, to be asked again. */
bool batch_names_claim(struct batch *batch, struct batch_file *file);
/* The page's name into page->output. False with the error set if it is another page's. */
bool batch_names_take(struct batch *batch, const struct batch_file *file, struct batch_page *page,
                      struct batch_error *error);

/* batch_error.c */
void batch_error_set(struct batch_error *error, enum exit_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void batch_error_set_way_out(struct batch_error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));
void batch_error_copy(struct batch_error *into, const struct batch_error *from);
/* From the renderer's own word. */
void batch_error_of_engine(struct batch_error *error, Bulkhead__Error__Code code, const char *detail,
                           const struct document *document);
void batch_error_of_problem(struct batch_error *error, enum document_problem problem, int error_number);
void batch_error_of_end(struct batch_error *error, const struct exit_report *report);
void batch_error_of_output(struct batch_error *error, const char *path, int result);

#endif
