#include "tests/fuzz/inbound/script.h"

uint8_t script_take(struct script *script)
{
    if (script->size == 0)
        return 0;
    script->size--;
    return *script->data++;
}

uint64_t script_take_number(struct script *script, unsigned bytes)
{
    uint64_t number = 0;

    while (bytes-- > 0)
        number = number << 8 | script_take(script);
    return number;
}
