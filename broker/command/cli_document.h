/* cli_document.h - options about documents that render, info and open share: password, layout, files, jobs. */
#ifndef BULKHEAD_CLI_DOCUMENT_H
#define BULKHEAD_CLI_DOCUMENT_H

#include <getopt.h>
#include <stdbool.h>

#include "broker/command/cli.h"

enum {
    CLI_OPTION_PASSWORD_FILE = 0x180,
    CLI_OPTION_LAYOUT,
    CLI_OPTION_EM,
    CLI_OPTION_NO_FILES,
    CLI_OPTION_JOBS,
};

/* clang-format off */
#define CLI_DOCUMENT_OPTIONS                                              \
    {"password-file", required_argument, NULL, CLI_OPTION_PASSWORD_FILE}, \
    {"layout", required_argument, NULL, CLI_OPTION_LAYOUT},               \
    {"em", required_argument, NULL, CLI_OPTION_EM},                       \
    {"no-files", no_argument, NULL, CLI_OPTION_NO_FILES},                 \
    {"jobs", required_argument, NULL, CLI_OPTION_JOBS}
/* clang-format on */

#define CLI_DOCUMENT_HELP                                                                                              \
    "      --password-file FILE  the first line of FILE is the password of encrypted documents\n"                      \
    "      --layout WxH          page size in points for HTML, EPUB and text, which reflow (450x600)\n"                \
    "      --em PT               font size in points for them (12)\n"                                                  \
    "      --no-files            documents may not ask for style sheets and images beside them\n"                      \
    "  -j, --jobs N              renderers at work at once (default: one a processor)\n"

struct cli_document {
    char *password; /* owned; NULL = none */
    float layout_width_pt, layout_height_pt, layout_em_pt;
    bool no_files;
    unsigned jobs;
};

void cli_document_init(struct cli_document *document);
void cli_document_fini(struct cli_document *document); /* wipes the password */

/* 0: taken. 1: not one of these. -EINVAL: bad value, said on stderr. -EIO: the password file cannot be read, said too.
 */
int cli_document_option(struct cli_document *document, const char *command, int option, const char *argument);

#endif
