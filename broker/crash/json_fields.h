/* json_fields.h - plain structs to JSON and back, by one table, so that what is written and what is taken agree.
 *
 * A table describes the members of a struct; it ends with an entry without a kind. Decoding takes what anybody may have
 * written: a value of another type, over its bound, or text that is not fit to be shown (text_is_escaped) is refused;
 * what is missing stays zero, what the table does not have is passed over.
 */
#ifndef BULKHEAD_JSON_FIELDS_H
#define BULKHEAD_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum json_field_kind {
    JSON_FIELD_END,
    JSON_FIELD_TEXT,     /* char[capacity], escaped; "" is null */
    JSON_FIELD_LINES,    /* char *, owned, at most capacity bytes: an array of its lines; NULL is null */
    JSON_FIELD_NUMBER,   /* uint64_t; a string of digits where JSON's integers end */
    JSON_FIELD_OPTIONAL, /* int64_t; below 0 is null */
    JSON_FIELD_HEX,      /* uint64_t: "0x1f" */
    JSON_FIELD_FLAG,     /* bool */
    JSON_FIELD_TIME,     /* uint64_t, Unix time in ms: "2026-11-23T09:11:12.345Z" */
    JSON_FIELD_BYTES,    /* uint8_t[capacity]: two hexadecimal digits each */
    JSON_FIELD_OBJECT,   /* a struct of its own, or more members of this one (offset 0) */
    JSON_FIELD_LIST,     /* capacity elements: an array; `inner` describes one (name unused) */
    JSON_FIELD_NAMED,    /* capacity elements: an object; `inner` describes name (TEXT) and value of one */
};

struct json_field {
    const char *name;
    enum json_field_kind kind;
    bool has_presence; /* HEX, OBJECT: null unless the bool at presence_offset is set */
    size_t offset, presence_offset;
    size_t capacity;
    size_t count_offset; /* BYTES, LIST, NAMED: of a size_t, how many there are */
    size_t stride;       /* LIST, NAMED: from one element to the next */
    const struct json_field *inner;
};

/* An object with a member for each field; a new reference, NULL without memory. */
json_t *json_fields_encode(const struct json_field *fields, const void *data);

/* Fills *data, which is all zero (on failure in part: LINES may have been allocated). 0, -ENOMEM, or -EINVAL with what
 * is wrong in ret_why. */
int json_fields_decode(const struct json_field *fields, const json_t *object, void *data, char *ret_why,
                       size_t why_bytes);

#endif
