#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/command/batch_private.h"

/* A batch without a broker: what a file goes through does not need one. */
struct bench {
    struct batch batch;
    struct batch_file file;
    struct page_range *range;
    size_t pages_done, files_done;
};

static void on_page_done(struct batch *batch, const struct batch_file *file, const struct batch_page *page,
                         void *userdata)
{
    struct bench *bench = userdata;
    (void)batch;
    (void)file;
    (void)page;
    bench->pages_done++;
}

static void on_file_done(struct batch *batch, const struct batch_file *file, void *userdata)
{
    struct bench *bench = userdata;
    (void)batch;
    (void)file;
    bench->files_done++;
}

static const struct batch_listener listener = {.page_done = on_page_done, .file_done = on_file_done};

static void begin(struct bench *bench, const char *pages)
{
    size_t offset;
    *bench = (struct bench){.file = {.input = "a.pdf", .is_started = true}};
    assert_int_equal(page_range_parse(pages, &bench->range, &offset), 0);
    assert_int_equal(document_open("about:blank", &bench->file.document), DOCUMENT_OK);
    bench->batch.options.paint = true;
    bench->batch.options.pages = bench->range;
    bench->batch.listener = &listener;
    bench->batch.userdata = bench;
}

static void end(struct bench *bench)
{
    batch_file_fini(&bench->file);
    page_range_free(bench->range);
}

static bool choose(struct bench *bench, uint32_t page_count)
{
    struct tab_info info = {.format = "PDF", .page_count = page_count};
    return batch_file_select(&bench->batch, &bench->file, &info);
}

static void fail_page(struct bench *bench, struct batch_page *page, enum exit_code code, const char *message)
{
    struct batch_error error = {.code = EXIT_CODE_OK};
    batch_error_set(&error, code, "%s", message);
    batch_file_page_failed(&bench->batch, &bench->file, page, &error);
    assert_null(error.message);
}

static void pages_are_handed_out_in_the_order_asked_for(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, "3,1");
    assert_true(choose(&bench, 3));
    assert_int_equal(batch_file_waiting(&bench.file), 2);
    assert_int_equal(batch_file_take_page(&bench.file)->page, 2);
    assert_int_equal(batch_file_take_page(&bench.file)->page, 0);
    assert_null(batch_file_take_page(&bench.file));
    end(&bench);
}

static void a_range_beyond_the_end_names_the_page(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, "1,7");
    assert_false(choose(&bench, 3));
    assert_int_equal(bench.file.error.code, EXIT_CODE_NO_SUCH_PAGE);
    assert_string_equal(bench.file.error.message, "page 7 was asked for, but it has 3 pages");
    assert_int_equal(bench.file.page_count, 0);
    end(&bench);
    begin(&bench, "-4");
    assert_false(choose(&bench, 1));
    assert_string_equal(bench.file.error.message, "page 4 from the end was asked for, but it has 1 page");
    end(&bench);
}

static void a_document_without_pages_is_damaged(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, NULL);
    assert_false(choose(&bench, 0));
    assert_int_equal(bench.file.error.code, EXIT_CODE_DAMAGED);
    end(&bench);
}

static void first_error_is_the_files_own_with_its_page(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, NULL);
    assert_true(choose(&bench, 3));
    batch_file_page_written(&bench.batch, &bench.file, batch_file_take_page(&bench.file));
    fail_page(&bench, batch_file_take_page(&bench.file), EXIT_CODE_CRASHED, "the renderer crashed");
    fail_page(&bench, batch_file_take_page(&bench.file), EXIT_CODE_HUNG, "the renderer hung");
    assert_int_equal(bench.file.error.code, EXIT_CODE_CRASHED);
    assert_string_equal(bench.file.error.message, "page 2: the renderer crashed");
    assert_int_equal(bench.file.pages[2].error.code, EXIT_CODE_HUNG);
    assert_int_equal(bench.file.pages_written, 1);
    assert_int_equal(bench.pages_done, 3);
    end(&bench);
}

static void giving_up_fails_the_pages_that_wait_and_no_others(void **state)
{
    struct bench bench;
    struct batch_error error = {.code = EXIT_CODE_OK};
    (void)state;
    begin(&bench, NULL);
    assert_true(choose(&bench, 4));
    batch_file_page_written(&bench.batch, &bench.file, batch_file_take_page(&bench.file));
    struct batch_page *at_work = batch_file_take_page(&bench.file);
    batch_error_set(&error, EXIT_CODE_QUARANTINED, "not painted");
    batch_file_give_up(&bench.batch, &bench.file, &error);
    batch_error_clear(&error);
    assert_int_equal(bench.file.pages[0].state, BATCH_PAGE_WRITTEN);
    assert_int_equal(at_work->state, BATCH_PAGE_AT_WORK);
    assert_int_equal(bench.file.pages[2].state, BATCH_PAGE_FAILED);
    assert_int_equal(bench.file.pages[3].error.code, EXIT_CODE_QUARANTINED);
    end(&bench);
}

static void file_is_done_once_when_pages_and_workers_are(void **state)
{
    struct bench bench;
    (void)state;
    begin(&bench, NULL);
    bench.file.workers = 1;
    assert_true(choose(&bench, 1));
    batch_file_check_done(&bench.batch, &bench.file);
    assert_int_equal(bench.files_done, 0);
    batch_file_page_written(&bench.batch, &bench.file, batch_file_take_page(&bench.file));
    batch_file_check_done(&bench.batch, &bench.file);
    assert_int_equal(bench.files_done, 0);
    bench.file.workers = 0;
    batch_file_check_done(&bench.batch, &bench.file);
    batch_file_check_done(&bench.batch, &bench.file);
    assert_int_equal(bench.files_done, 1);
    end(&bench);
}

static void errors_have_a_way_out_of_their_own_or_their_codes_or_none(void **state)
{
    struct batch_error error = {.code = EXIT_CODE_OK};
    (void)state;
    batch_error_set(&error, EXIT_CODE_TIMEOUT, "slow");
    assert_string_equal(batch_error_way_out(&error), exit_code_way_out(EXIT_CODE_TIMEOUT));
    batch_error_set_way_out(&error, "say %s", "please");
    assert_string_equal(batch_error_way_out(&error), "say please");
    batch_error_set_way_out(&error, "%s", "");
    assert_null(batch_error_way_out(&error));
    batch_error_clear(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_are_handed_out_in_the_order_asked_for),
        cmocka_unit_test(a_range_beyond_the_end_names_the_page),
        cmocka_unit_test(a_document_without_pages_is_damaged),
        cmocka_unit_test(first_error_is_the_files_own_with_its_page),
        cmocka_unit_test(giving_up_fails_the_pages_that_wait_and_no_others),
        cmocka_unit_test(file_is_done_once_when_pages_and_workers_are),
        cmocka_unit_test(errors_have_a_way_out_of_their_own_or_their_codes_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
