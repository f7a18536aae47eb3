/* text.h - showing bytes that nobody vouches for.
 *
 * Whatever a renderer or a document says passes through here before it reaches a terminal, a log or a trace.
 * Control bytes, ESC, DEL, C1 controls, invalid UTF-8, bidi overrides and line separators come out as \xNN or \u{NNNN};
 * backslash as \\. Valid printable UTF-8 passes as it is.
 */
#ifndef BULKHEAD_TEXT_H
#define BULKHEAD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Escapes data into out (always NUL-terminated when out_size > 0), clipped with "…" when it does not fit; never cuts a
 * character or an escape. Returns the length written without the NUL. */
size_t text_escape(char *out, size_t out_size, const void *data, size_t size_bytes);

/* The same for a JSON string body (no quotes): \uNNNN escapes, invalid UTF-8 as U+FFFD. */
size_t text_escape_json(char *out, size_t out_size, const void *data, size_t size_bytes);

/* Whether data is such text: text_escape() would change nothing in it but backslashes. */
bool text_is_escaped(const void *data, size_t size_bytes);

/* Terminal columns of a valid UTF-8 string (2 for East Asian wide), as wcwidth(3) of a UTF-8 locale would say. */
size_t text_columns(const char *utf8);

/* The first characters of valid UTF-8 that fit into so many columns, with "…" for what does not. out holds utf8
 * with its NUL and 3 bytes more. */
void text_clip(char *out, const char *utf8, size_t columns);

/* Prints valid UTF-8 and a newline, in lines of at most so many columns where its words allow: broken between words,
 * the second line and those after it indented. column: where the first one begins. */
void text_print_wrapped(FILE *out, const char *utf8, size_t column, size_t columns, size_t indent);

/* Decodes the character at data, strictly (shortest form, no surrogates, at most U+10FFFF). Its length in bytes, or 0
 * when there is none that is valid. */
size_t text_decode(const void *data, size_t size_bytes, uint32_t *ret_code_point);

/* Whether data is valid UTF-8 without NUL. */
bool text_is_utf8(const void *data, size_t size_bytes);

/* "1.5 MB", "812 kB" (decimal units) into out. */
void text_format_bytes(char *out, size_t out_size, unsigned long long bytes);

#endif
