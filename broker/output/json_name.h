/* json_name.h - file names in JSON, which has no way to say every name there can be.
 *
 * A name is any bytes but NUL and need not be UTF-8. Beside the text that is fit to be shown goes, where that is not
 * the name itself, one member more with the exact bytes in hexadecimal digits.
 */
#ifndef BULKHEAD_JSON_NAME_H
#define BULKHEAD_JSON_NAME_H

#include <jansson.h>

/* Sets `key` to the name as text_escape() shows it, and "KEY_hex" to its bytes unless that is the name itself. NULL is
 * null. Without memory the member is missing. */
void json_name_set(json_t *object, const char *key, const char *name);
/* Two digits a byte; a new reference, NULL without memory. */
json_t *json_name_hex(const char *name);

#endif
