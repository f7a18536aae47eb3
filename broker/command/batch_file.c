#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/batch_private.h"

struct document *batch_file_open(struct batch *batch, struct batch_file *file)
{
    errno = 0;
    enum document_problem problem = document_open(file->input, &file->document);
    if (problem != DOCUMENT_OK) {
        file->document = NULL;
        if (errno != EINTR) /* interrupted: the loop will hear by what, and say so */
            batch_error_of_problem(&file->error, problem, errno);
        return NULL;
    }
    if (batch->options.no_files)
        document_disable_files(file->document);
    return file->document;
}

static void fail_range(struct batch_file *file, uint32_t page_count, int64_t missing)
{
    const char *plural = page_count == 1 ? "" : "s";
    if (missing < 0)
        batch_error_set(&file->error, EXIT_CODE_NO_SUCH_PAGE,
                        "page %lld from the end was asked for, but it has %u page%s", (long long)-missing, page_count,
                        plural);
    else
        batch_error_set(&file->error, EXIT_CODE_NO_SUCH_PAGE, "page %lld was asked for, but it has %u page%s",
                        (long long)missing, page_count, plural);
}

static int make_pages(struct batch_file *file, const uint32_t *numbers, size_t count)
{
    file->pages = calloc(count ? count : 1, sizeof(*file->pages));
    if (!file->pages)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        file->pages[i].page = numbers[i];
    file->page_count = count;
    return 0;
}

bool batch_file_select(struct batch *batch, struct batch_file *file, const struct tab_info *info)
{
    file->info = *info;
    file->has_info = true;
    if (!batch->options.paint)
        return true;
    if (info->page_count == 0) {
        batch_error_of_engine(&file->error, BULKHEAD__ERROR__CODE__EMPTY_DOCUMENT, "", file->document);
        return false;
    }
    uint32_t *numbers = NULL;
    size_t count = 0;
    int64_t missing = 0;
    int r = page_range_resolve(batch->options.pages, info->page_count, &numbers, &count, &missing);
    if (r == 0)
        r = make_pages(file, numbers, count);
    free(numbers);
    if (r == -ERANGE)
        fail_range(file, info->page_count, missing);
    else if (r < 0)
        batch_error_set(&file->error, EXIT_CODE_INTERNAL, "out of memory in the broker");
    return r == 0;
}

struct batch_page *batch_file_take_page(struct batch_file *file)
{
    if (file->next_page >= file->page_count)
        return NULL;
    struct batch_page *page = &file->pages[file->next_page++];
    page->state = BATCH_PAGE_AT_WORK;
    return page;
}

size_t batch_file_waiting(const struct batch_file *file)
{
    return file->page_count - file->next_page;
}

static void settle(struct batch *batch, struct batch_file *file, struct batch_page *page)
{
    file->pages_settled++;
    if (batch->listener->page_done)
        batch->listener->page_done(batch, file, page, batch->userdata);
}

void batch_file_page_failed(struct batch *batch, struct batch_file *file, struct batch_page *page,
                            struct batch_error *error)
{
    page->state = BATCH_PAGE_FAILED;
    batch_error_clear(&page->error);
    page->error = *error;
    *error = (struct batch_error){.code = EXIT_CODE_OK};
    if (file->error.code == EXIT_CODE_OK) {
        batch_error_set(&file->error, page->error.code, "page %u: %s", page->page + 1,
                        page->error.message ? page->error.message : exit_code_find((int)page->error.code)->meaning);
        if (page->error.way_out)
            batch_error_set_way_out(&file->error, "%s", page->error.way_out);
    }
    settle(batch, file, page);
}

void batch_file_page_written(struct batch *batch, struct batch_file *file, struct batch_page *page)
{
    page->state = BATCH_PAGE_WRITTEN;
    file->pages_written++;
    settle(batch, file, page);
}

void batch_file_give_up(struct batch *batch, struct batch_file *file, const struct batch_error *error)
{
    struct batch_page *page;
    if (file->error.code == EXIT_CODE_OK)
        batch_error_copy(&file->error, error);
    file->is_given_up = true;
    while ((page = batch_file_take_page(file)) != NULL) {
        /* The code alone: a document may claim a million pages. */
        struct batch_error own = {.code = error->code};
        batch_file_page_failed(batch, file, page, &own);
    }
}

void batch_file_note_end(struct batch_file *file, const struct exit_report *report, const struct batch_page *page)
{
    struct batch_end *ends = reallocarray(file->ends, file->end_count + 1, sizeof(*ends));
    if (!ends)
        return;
    file->ends = ends;
    struct batch_end *end = &ends[file->end_count++];
    *end = (struct batch_end){
        .cause = report->cause,
        .kill_reason = report->kill_reason,
        .violation = report->violation,
        .oom = report->oom.kind,
        .renderer_id = report->renderer_id,
        .pid = report->pid,
        .wait_code = report->wait_code,
        .wait_status = report->wait_status,
        .has_page = page != NULL,
        .page = page ? page->page : 0,
    };
    memcpy(end->summary, report->summary, sizeof(end->summary));
    exit_advice_fill(&end->advice, report);
}

void batch_file_check_done(struct batch *batch, struct batch_file *file)
{
    if (!file->is_started || file->is_done || file->workers > 0 || file->pages_settled < file->page_count)
        return;
    if (!file->has_info && file->error.code == EXIT_CODE_OK)
        return;
    file->is_done = true;
    batch->files_done++;
    if (batch->listener->file_done)
        batch->listener->file_done(batch, file, batch->userdata);
}

void batch_file_fini(struct batch_file *file)
{
    for (size_t i = 0; i < file->page_count; i++) {
        free(file->pages[i].output);
        batch_error_clear(&file->pages[i].error);
    }
    free(file->pages);
    for (size_t i = 0; i < file->end_count; i++) {
        free(file->ends[i].backtrace);
        free(file->ends[i].report);
    }
    free(file->ends);
    batch_error_clear(&file->error);
    document_unref(file->document);
}
