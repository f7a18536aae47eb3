/* Which page may write to which name, so that the same inputs give the same outputs however many renderers are at work.
 *
 * What a document's pages are called is known once it is open. Where two inputs could want the same name, the later one
 * waits until the earlier one has claimed its names, all at once and in order; the others wait for nobody. */
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "broker/command/batch_private.h"
#include "common/text.h"

static bool may_clash(const struct batch *batch, const struct batch_file *one, const struct batch_file *other)
{
    return one != other &&
           output_name_may_clash(batch->options.output_name, batch->stems[one->index], batch->stems[other->index]);
}

static bool is_settled(const struct batch_file *file)
{
    return file->is_named || file->is_given_up || file->is_done;
}

/* False while an earlier input may still want one of its names. *ret_may_clash: whether any other input may. */
static bool is_its_turn(const struct batch *batch, const struct batch_file *file, bool *ret_may_clash)
{
    *ret_may_clash = false;
    for (size_t i = 0; i < batch->file_count; i++) {
        const struct batch_file *other = &batch->files[i];
        if (!may_clash(batch, file, other))
            continue;
        *ret_may_clash = true;
        if (other < file && !is_settled(other))
            return false;
    }
    return true;
}

static int compare_outputs(const void *left, const void *right)
{
    const struct batch_page *a = left, *b = right;
    return strcmp(a->output, b->output);
}

static bool make_name(const struct batch *batch, const struct batch_file *file, struct batch_page *page)
{
    if (!page->output)
        page->output = batch->options.to_stdout
                           ? strdup("-")
                           : output_name_make(batch->options.output_name, batch->stems[file->index], page->page,
                                              file->info.page_count, file->page_count > 1);
    return page->output != NULL;
}

/* A page without a name for want of memory says so when it is its turn. */
static void claim(struct batch *batch, struct batch_file *file)
{
    for (size_t i = 0; i < file->page_count; i++) {
        struct batch_page *page = &file->pages[i];
        struct batch_page *const *holder =
            make_name(batch, file, page) ? tsearch(page, &batch->outputs, compare_outputs) : NULL;
        page->name_holder = holder ? *holder : NULL;
    }
}

bool batch_names_claim(struct batch *batch, struct batch_file *file)
{
    bool has_names = batch->options.paint && !batch->options.to_stdout, has_rival = false;
    if (file->is_named)
        return true;
    if (has_names && !is_its_turn(batch, file, &has_rival))
        return false;
    if (has_rival) {
        claim(batch, file);
        batch_wake(batch); /* whoever waits for it */
    }
    file->is_named = true;
    return true;
}

static const struct batch_file *file_of(const struct batch *batch, const struct batch_page *page)
{
    for (size_t i = 0; i < batch->file_count; i++)
        if (page >= batch->files[i].pages && page < batch->files[i].pages + batch->files[i].page_count)
            return &batch->files[i];
    return NULL;
}

bool batch_names_take(struct batch *batch, const struct batch_file *file, struct batch_page *page,
                      struct batch_error *error)
{
    char output[256], owner[256];
    const struct batch_page *holder = page->name_holder;
    if (!make_name(batch, file, page)) {
        batch_error_set(error, EXIT_CODE_INTERNAL, "out of memory in the broker");
        return false;
    }
    const struct batch_file *rival = holder && holder != page ? file_of(batch, holder) : NULL;
    if (!rival)
        return true;
    text_escape(output, sizeof(output), page->output, strlen(page->output));
    text_escape(owner, sizeof(owner), rival->input, strlen(rival->input));
    batch_error_set(error, EXIT_CODE_OUTPUT_CLASH, "%s is where page %u of %s goes already", output, holder->page + 1,
                    owner);
    return false;
}
