/* cmd_render.h - the options of `bulkhead render`, parsed and checked against each other. */
#ifndef BULKHEAD_CMD_RENDER_H
#define BULKHEAD_CMD_RENDER_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/command/batch.h"
#include "broker/command/cli.h"
#include "broker/command/cli_document.h"

struct render_options {
    struct cli_common common;
    struct cli_document document;
    struct batch_options batch;
    struct page_range *pages;   /* owned */
    struct output_name *output; /* owned; NULL = standard output */
    bool quiet, progress;
    char **inputs; /* argv's; input_count of them */
    size_t input_count;
};

/* 0: go on. Else there is nothing more to do (help was printed, or the error said) and *ret_exit_code holds. */
int render_options_parse(int argc, char **argv, struct render_options *options, int *ret_exit_code);
void render_options_fini(struct render_options *options);

#endif
