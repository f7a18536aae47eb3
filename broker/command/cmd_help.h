/* cmd_help.h - the overview, for `bulkhead help` and for a command line without a command. */
#ifndef BULKHEAD_CMD_HELP_H
#define BULKHEAD_CMD_HELP_H

#include <stdio.h>

void help_print_overview(FILE *out);

#endif
