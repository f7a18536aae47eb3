#include "broker/output/json_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

json_t *json_name_hex(const char *name)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strlen(name);
    char *hex = malloc(2 * length + 1);
    if (!hex)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        hex[2 * i] = digits[(unsigned char)name[i] >> 4];
        hex[2 * i + 1] = digits[(unsigned char)name[i] & 15];
    }
    json_t *value = json_stringn(hex, 2 * length);
    free(hex);
    return value;
}

void json_name_set(json_t *object, const char *key, const char *name)
{
    char shown[4096], exact_key[64];
    if (!name) {
        json_object_set_new(object, key, json_null());
        return;
    }
    text_escape(shown, sizeof(shown), name, strlen(name));
    json_object_set_new(object, key, json_string(shown));
    if (strcmp(shown, name) == 0)
        return;
    snprintf(exact_key, sizeof(exact_key), "%s_hex", key);
    json_object_set_new(object, exact_key, json_name_hex(name));
}
