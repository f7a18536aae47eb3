/* output_name.h - which file a page goes to: patterns, default names, and names that would clash.
 *
 * A pattern is a path in which "%d" (or "%3d", "%03d") stands for the page number, "%s" for the input's name without
 * its extension, and "%%" for a percent sign; anything else after a percent sign is refused, so a pattern never reaches
 * printf. Without a pattern: NAME-001.png in the working directory. Pure: no I/O.
 */
#ifndef BULKHEAD_OUTPUT_NAME_H
#define BULKHEAD_OUTPUT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output_name;

/* Parses the pattern of -o. NULL: the default names, with this extension ("png"). 0 with an owned result, -ENOMEM, or
 * -EINVAL with *ret_why, a sentence fragment ("%x is not …"). */
int output_name_parse(const char *pattern, const char *extension, struct output_name **ret_name, const char **ret_why);
void output_name_free(struct output_name *name); /* takes NULL */

bool output_name_has_page(const struct output_name *name);  /* a %d, or the default */
bool output_name_has_input(const struct output_name *name); /* a %s, or the default */

/* The path for one page (from 0) of an input whose stem is given (output_name_stems). `page_count` is the document's:
 * names get as many digits as it needs, at least three. A pattern without %d gets "-001" before its extension when
 * `several` pages are to be written. Owned (free), NULL when out of memory. */
char *output_name_make(const struct output_name *name, const char *stem, uint32_t page, uint32_t page_count,
                       bool several);

/* Whether a page of one input and a page of another could have the same name. Never false if they could. */
bool output_name_may_clash(const struct output_name *name, const char *stem, const char *other);

/* Stems for all inputs: the last component without extension, "stdin" for "-", "about-clock" for "about:clock"; inputs
 * whose stems clash keep their extension, and are numbered if that is not enough. An owned array of owned strings. */
int output_name_stems(char *const *inputs, size_t count, char ***ret_stems);
void output_name_stems_free(char **stems, size_t count);

#endif
