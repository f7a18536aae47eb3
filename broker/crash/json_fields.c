#include "broker/crash/json_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/text.h"

enum { NUMBER_BYTES = 24, TIME_BYTES = 40, BYTES_MOST = 64 };

static size_t *count_of(const struct json_field *field, void *data)
{
    return (size_t *)((char *)data + field->count_offset);
}

static json_t *encode_value(const struct json_field *field, const void *data);

static json_t *encode_lines(const char *text)
{
    json_t *list = text != NULL ? json_array() : json_null();

    while (text != NULL && *text != '\0') {
        size_t length = strcspn(text, "\n");
        json_array_append_new(list, json_stringn(text, length));
        text += length + (text[length] == '\n');
    }
    return list;
}

static json_t *encode_number(uint64_t number)
{
    char digits[NUMBER_BYTES];

    if (number <= INT64_MAX)
        return json_integer((json_int_t)number);
    snprintf(digits, sizeof digits, "%" PRIu64, number);
    return json_string(digits);
}

static void format_time(uint64_t time_ms, char out[TIME_BYTES])
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm utc = {0};
    char date[TIME_BYTES - 8] = "";

    gmtime_r(&seconds, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out, TIME_BYTES, "%s.%03uZ", date, (unsigned)(time_ms % 1000));
}

static json_t *encode_bytes(const uint8_t *bytes, size_t count)
{
    char digits[2 * BYTES_MOST + 1] = "";

    for (size_t i = 0; i < count && i < BYTES_MOST; i++)
        snprintf(digits + 2 * i, 3, "%02x", bytes[i]);
    return json_string(digits);
}

static json_t *encode_list(const struct json_field *field, const char *elements, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, encode_value(field->inner, elements + i * field->stride));
    return list;
}

static json_t *encode_named(const struct json_field *field, const char *elements, size_t count)
{
    const struct json_field *name = &field->inner[0], *value = &field->inner[1];
    json_t *object = json_object();

    for (size_t i = 0; i < count; i++) {
        const char *element = elements + i * field->stride;
        json_object_set_new(object, element + name->offset, encode_value(value, element));
    }
    return object;
}

static json_t *encode_value(const struct json_field *field, const void *data)
{
    const char *at = (const char *)data + field->offset;
    char text[TIME_BYTES];

    if (field->has_presence && !*(const bool *)((const char *)data + field->presence_offset))
        return json_null();
    switch (field->kind) {
    case JSON_FIELD_TEXT:
        return *at != '\0' ? json_string(at) : json_null();
    case JSON_FIELD_LINES:
        return encode_lines(*(char *const *)at);
    case JSON_FIELD_NUMBER:
        return encode_number(*(const uint64_t *)at);
    case JSON_FIELD_OPTIONAL:
        return *(const int64_t *)at >= 0 ? json_integer(*(const int64_t *)at) : json_null();
    case JSON_FIELD_HEX:
        snprintf(text, sizeof text, "0x%" PRIx64, *(const uint64_t *)at);
        return json_string(text);
    case JSON_FIELD_FLAG:
        return json_boolean(*(const bool *)at);
    case JSON_FIELD_TIME:
        format_time(*(const uint64_t *)at, text);
        return json_string(text);
    case JSON_FIELD_BYTES:
        return encode_bytes((const uint8_t *)at, *count_of(field, (void *)(uintptr_t)data));
    case JSON_FIELD_OBJECT:
        return json_fields_encode(field->inner, at);
    case JSON_FIELD_LIST:
        return encode_list(field, at, *count_of(field, (void *)(uintptr_t)data));
    case JSON_FIELD_NAMED:
        return encode_named(field, at, *count_of(field, (void *)(uintptr_t)data));
    case JSON_FIELD_END:
        break;
    }
    return NULL;
}

/* Jansson takes NULL for a value and says so by -1: memory was short. */
json_t *json_fields_encode(const struct json_field *fields, const void *data)
{
    json_t *object = json_object();

    for (const struct json_field *field = fields; object != NULL && field->kind != JSON_FIELD_END; field++) {
        if (json_object_set_new(object, field->name, encode_value(field, data)) < 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* What is wrong goes where the caller wants it. */
struct decoding {
    char *why;
    size_t why_bytes;
};

static int refuse(const struct decoding *decoding, const struct json_field *field, const char *expected)
{
    snprintf(decoding->why, decoding->why_bytes, "\"%s\" is not %s", field->name, expected);
    return -EINVAL;
}

static int decode_value(const struct decoding *decoding, const struct json_field *field, const json_t *value,
                        void *data);

static bool take_text(const json_t *value, size_t capacity, char *out)
{
    size_t length = json_string_length(value);

    if (!json_is_string(value) || length >= capacity || !text_is_escaped(json_string_value(value), length))
        return false;
    memcpy(out, json_string_value(value), length);
    out[length] = '\0';
    return true;
}

static int take_lines(const json_t *value, size_t capacity, char **ret_text)
{
    size_t index, used = 0;
    json_t *line;

    json_array_foreach(value, index, line) {
        size_t length = json_string_length(line);
        if (!json_is_string(line) || !text_is_escaped(json_string_value(line), length))
            return -EINVAL;
        used += length + 1;
        if (used > capacity)
            return -EINVAL;
    }
    char *text = json_is_array(value) ? calloc(used + 1, 1) : NULL, *at = text;
    if (text == NULL)
        return json_is_array(value) ? -ENOMEM : -EINVAL;
    json_array_foreach(value, index, line) {
        at = stpcpy(at, json_string_value(line));
        *at++ = '\n';
    }
    *ret_text = text;
    return 0;
}

/* All of the string in this base, and nothing else; strtoull() takes blanks and signs. */
static bool take_digits(const char *text, int base, uint64_t *ret_number)
{
    const char *allowed = base == 16 ? "0123456789abcdef" : "0123456789";
    char *end;

    if (*text == '\0' || text[strspn(text, allowed)] != '\0')
        return false;
    errno = 0;
    uint64_t number = strtoull(text, &end, base);
    if (errno != 0)
        return false;
    *ret_number = number;
    return true;
}

static bool take_number(const json_t *value, uint64_t *ret_number)
{
    if (json_is_string(value))
        return take_digits(json_string_value(value), 10, ret_number);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_number = (uint64_t)json_integer_value(value);
    return true;
}

static bool take_hex(const json_t *value, uint64_t *ret_number)
{
    const char *text = json_string_value(value);

    return text != NULL && strncmp(text, "0x", 2) == 0 && take_digits(text + 2, 16, ret_number);
}

/* What format_time() makes, and nothing else. */
static bool take_time(const json_t *value, uint64_t *ret_ms)
{
    const char *text = json_string_value(value), *rest;
    struct tm utc = {0};
    char back[TIME_BYTES];
    unsigned ms;

    rest = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &utc) : NULL;
    if (rest == NULL || sscanf(rest, ".%3uZ", &ms) != 1)
        return false;
    time_t seconds = timegm(&utc);
    if (seconds < 0)
        return false;
    format_time((uint64_t)seconds * 1000 + ms, back);
    if (strcmp(back, text) != 0)
        return false;
    *ret_ms = (uint64_t)seconds * 1000 + ms;
    return true;
}

static bool take_bytes(const json_t *value, size_t capacity, uint8_t *out, size_t *ret_count)
{
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);

    if (text == NULL || length % 2 != 0 || length / 2 > capacity || strspn(text, "0123456789abcdef") != length)
        return false;
    for (size_t i = 0; i < length / 2; i++) {
        const char pair[] = {text[2 * i], text[2 * i + 1], '\0'};
        out[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    *ret_count = length / 2;
    return true;
}

static int decode_list(const struct decoding *decoding, const struct json_field *field, const json_t *value, char *at,
                       size_t *count)
{
    size_t index;
    json_t *element;

    if (!json_is_array(value) || json_array_size(value) > field->capacity)
        return refuse(decoding, field, "a list that short");
    json_array_foreach(value, index, element) {
        int r = decode_value(decoding, field->inner, element, at + index * field->stride);
        if (r < 0)
            return r;
        ++*count;
    }
    return 0;
}

static int decode_named(const struct decoding *decoding, const struct json_field *field, const json_t *value, char *at,
                        size_t *count)
{
    const struct json_field *name = &field->inner[0], *inner = &field->inner[1];
    const char *key;
    json_t *element;

    if (!json_is_object(value) || json_object_size(value) > field->capacity)
        return refuse(decoding, field, "an object that small");
    json_object_foreach((json_t *)(uintptr_t)value, key, element) {
        char *to = at + *count * field->stride;
        size_t length = strlen(key);
        if (length >= name->capacity || !text_is_escaped(key, length))
            return refuse(decoding, field, "an object with such names");
        memcpy(to + name->offset, key, length + 1);
        int r = decode_value(decoding, inner, element, to);
        if (r < 0)
            return r;
        ++*count;
    }
    return 0;
}

static int decode_optional(const struct decoding *decoding, const struct json_field *field, const json_t *value,
                           int64_t *ret_number)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return refuse(decoding, field, "a whole number");
    *ret_number = json_integer_value(value);
    return 0;
}

static int decode_lines(const struct decoding *decoding, const struct json_field *field, const json_t *value,
                        char **ret_text)
{
    int r = *ret_text != NULL ? -EINVAL : take_lines(value, field->capacity, ret_text);
    return r == -EINVAL ? refuse(decoding, field, "a list of lines that short") : r;
}

static int decode_value(const struct decoding *decoding, const struct json_field *field, const json_t *value,
                        void *data)
{
    char *at = (char *)data + field->offset;

    if (field->has_presence)
        *(bool *)((char *)data + field->presence_offset) = true;
    switch (field->kind) {
    case JSON_FIELD_TEXT:
        return take_text(value, field->capacity, at) ? 0 : refuse(decoding, field, "text that short and clean");
    case JSON_FIELD_LINES:
        return decode_lines(decoding, field, value, (char **)at);
    case JSON_FIELD_NUMBER:
        return take_number(value, (uint64_t *)at) ? 0 : refuse(decoding, field, "a whole number");
    case JSON_FIELD_OPTIONAL:
        return decode_optional(decoding, field, value, (int64_t *)at);
    case JSON_FIELD_HEX:
        return take_hex(value, (uint64_t *)at) ? 0 : refuse(decoding, field, "a number like \"0x1f\"");
    case JSON_FIELD_FLAG:
        *(bool *)at = json_is_true(value);
        return json_is_boolean(value) ? 0 : refuse(decoding, field, "true or false");
    case JSON_FIELD_TIME:
        return take_time(value, (uint64_t *)at) ? 0 : refuse(decoding, field, "a time");
    case JSON_FIELD_BYTES:
        return take_bytes(value, field->capacity, (uint8_t *)at, count_of(field, data))
                   ? 0
                   : refuse(decoding, field, "bytes that few, in hexadecimal");
    case JSON_FIELD_OBJECT:
        return json_is_object(value) ? json_fields_decode(field->inner, value, at, decoding->why, decoding->why_bytes)
                                     : refuse(decoding, field, "an object");
    case JSON_FIELD_LIST:
        return decode_list(decoding, field, value, at, count_of(field, data));
    case JSON_FIELD_NAMED:
        return decode_named(decoding, field, value, at, count_of(field, data));
    case JSON_FIELD_END:
        break;
    }
    return -EINVAL;
}

/* Null is what is not there: zero, but for an optional number. */
static void decode_nothing(const struct json_field *field, void *data)
{
    if (field->kind == JSON_FIELD_OPTIONAL)
        *(int64_t *)((char *)data + field->offset) = -1;
}

int json_fields_decode(const struct json_field *fields, const json_t *object, void *data, char *ret_why,
                       size_t why_bytes)
{
    const struct decoding decoding = {ret_why, why_bytes};

    for (const struct json_field *field = fields; field->kind != JSON_FIELD_END; field++) {
        const json_t *value = json_object_get(object, field->name);
        int r = 0;
        if (value == NULL || json_is_null(value))
            decode_nothing(field, data);
        else
            r = decode_value(&decoding, field, value, data);
        if (r < 0)
            return r;
    }
    return 0;
}
