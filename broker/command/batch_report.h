/* batch_report.h - what came of a batch, for people (one line an input on stderr) and for programs (--json). */
#ifndef BULKHEAD_BATCH_REPORT_H
#define BULKHEAD_BATCH_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "broker/command/batch.h"

/* "bulkhead: NAME: what; 2 of 3 pages were written (way out)", for a file that failed. */
void batch_report_line(FILE *stream, const struct batch_file *file);
/* "bulkhead: NAME: crash report: PATH", or a warning that there is none and why. file may be NULL. */
void batch_report_crash_line(FILE *stream, const struct batch_file *file, const char *path, const char *why);
/* Such a line for every crash report of the file there is by now. */
void batch_report_crash_lines(FILE *out, const struct batch_file *file);
/* "bulkhead: warning: NAME: may be incomplete: page 3: the engine's words (and 4 more)", if the engine complained of
 * damage and warnings are not switched off (--log). */
void batch_report_warning(FILE *stream, const struct batch_file *file);
/* "bulkhead: why (way out)": no renderer could be had. */
void batch_report_start_error(FILE *stream, const struct batch_error *error);
/* The same and, if asked for, as JSON on stdout, for a batch that could not be made. Clears the error; the exit code.
 */
int batch_report_not_begun(struct batch_error *error, bool json);

/* The whole run as one object; NULL without memory. */
json_t *batch_report_json(struct batch *batch, int exit_code, uint64_t elapsed_ns);
/* The calls counted under audit, for people. Returns exit_code, or the code of a stdout that cannot be written. */
int batch_report_print_audit(struct batch *batch, FILE *out, int exit_code);
/* The object of a run that could not begin. */
json_t *batch_report_json_failed(const struct batch_error *error);
/* One line on stdout. Takes the object. Returns exit_code, or the code of a stdout that cannot be written. */
int batch_report_print_json(json_t *report, int exit_code);

#endif
