#include "broker/viewer/terminal_keys.h"

/* Longer than any sequence a terminal sends; what goes on beyond it is dropped as unknown. */
enum { TERMINAL_KEYS_SEQUENCE_BYTES = 32 };

static uint32_t terminal_keys_letter(uint8_t letter)
{
    switch (letter) {
    case 'A':
        return TERMINAL_KEY_UP;
    case 'B':
        return TERMINAL_KEY_DOWN;
    case 'C':
        return TERMINAL_KEY_RIGHT;
    case 'D':
        return TERMINAL_KEY_LEFT;
    case 'F':
        return TERMINAL_KEY_END;
    case 'H':
        return TERMINAL_KEY_HOME;
    case 'P':
        return TERMINAL_KEY_F1;
    case 'Z':
        return TERMINAL_KEY_BACK_TAB;
    default:
        return TERMINAL_KEY_UNKNOWN;
    }
}

/* "ESC [ number ~" */
static uint32_t terminal_keys_number(unsigned number)
{
    static const uint32_t keys[] = {
        [1] = TERMINAL_KEY_HOME, [2] = TERMINAL_KEY_INSERT,  [3] = TERMINAL_KEY_DELETE,
        [4] = TERMINAL_KEY_END,  [5] = TERMINAL_KEY_PAGE_UP, [6] = TERMINAL_KEY_PAGE_DOWN,
        [7] = TERMINAL_KEY_HOME, [8] = TERMINAL_KEY_END,     [11] = TERMINAL_KEY_F1,
    };

    if (number >= sizeof(keys) / sizeof(keys[0]) || keys[number] == 0)
        return TERMINAL_KEY_UNKNOWN;
    return keys[number];
}

/* After "ESC [": parameters 0x30..0x3f, intermediates 0x20..0x2f, one final byte (ECMA-48, 5.4). */
static size_t terminal_keys_csi(const uint8_t *bytes, size_t size_bytes, bool is_final, uint32_t *ret_key)
{
    unsigned number = 0;
    bool first_parameter = true;

    for (size_t i = 2; i < size_bytes && i < TERMINAL_KEYS_SEQUENCE_BYTES; i++) {
        if (bytes[i] == '[' && i == 2) /* the Linux console's F1..F5: ESC [ [ A */
            continue;
        if (bytes[i] >= 0x40) {
            *ret_key = bytes[i] == '~' ? terminal_keys_number(number) : terminal_keys_letter(bytes[i]);
            if (bytes[2] == '[' && i == 3)
                *ret_key = bytes[i] == 'A' ? TERMINAL_KEY_F1 : TERMINAL_KEY_UNKNOWN;
            return i + 1;
        }
        if (bytes[i] < 0x20) { /* cut off by something new */
            *ret_key = TERMINAL_KEY_UNKNOWN;
            return i;
        }
        if (bytes[i] == ';')
            first_parameter = false;
        else if (first_parameter && bytes[i] >= '0' && bytes[i] <= '9' && number < 1000)
            number = number * 10 + (bytes[i] - '0');
    }
    if (size_bytes < TERMINAL_KEYS_SEQUENCE_BYTES && !is_final)
        return 0;
    *ret_key = TERMINAL_KEY_UNKNOWN;
    return size_bytes < TERMINAL_KEYS_SEQUENCE_BYTES ? size_bytes : TERMINAL_KEYS_SEQUENCE_BYTES;
}

static size_t terminal_keys_escape(const uint8_t *bytes, size_t size_bytes, bool is_final, uint32_t *ret_key)
{
    if (size_bytes == 1 && !is_final)
        return 0;
    if (size_bytes >= 2 && bytes[1] == '[' && (size_bytes > 2 || !is_final))
        return terminal_keys_csi(bytes, size_bytes, is_final, ret_key);
    if (size_bytes >= 2 && bytes[1] == 'O') {
        if (size_bytes == 2 && !is_final)
            return 0;
        if (size_bytes >= 3) {
            *ret_key = terminal_keys_letter(bytes[2]);
            return 3;
        }
    }
    *ret_key = TERMINAL_KEY_ESCAPE;
    return 1;
}

static size_t terminal_keys_utf8(const uint8_t *bytes, size_t size_bytes, bool is_final, uint32_t *ret_key)
{
    size_t length = bytes[0] >= 0xf0 && bytes[0] < 0xf5 ? 4 : bytes[0] >= 0xe0 ? 3 : 2;
    uint32_t code = bytes[0] & (0x7fu >> length);

    *ret_key = TERMINAL_KEY_UNKNOWN;
    if (bytes[0] < 0xc2 || bytes[0] >= 0xf5)
        return 1;
    for (size_t i = 1; i < length; i++) {
        if (i >= size_bytes)
            return is_final ? size_bytes : 0;
        if ((bytes[i] & 0xc0) != 0x80)
            return i;
        code = code << 6 | (bytes[i] & 0x3f);
    }
    if (code <= 0x10ffff)
        *ret_key = code;
    return length;
}

size_t terminal_keys_decode(const uint8_t *bytes, size_t size_bytes, bool is_final, uint32_t *ret_key)
{
    if (size_bytes == 0)
        return 0;
    if (bytes[0] == 0x1b)
        return terminal_keys_escape(bytes, size_bytes, is_final, ret_key);
    if (bytes[0] >= 0x80)
        return terminal_keys_utf8(bytes, size_bytes, is_final, ret_key);
    *ret_key = bytes[0] == '\n' ? '\r' : bytes[0] == '\b' ? 127 : bytes[0];
    return 1;
}
