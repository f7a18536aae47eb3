/* script.h - the input of fuzz_inbound: bytes taken one after the other, as operations and what they are done with.
 *
 * Where it has come to its end it goes on as zeros.
 */
#ifndef BULKHEAD_FUZZ_SCRIPT_H
#define BULKHEAD_FUZZ_SCRIPT_H

#include <stddef.h>
#include <stdint.h>

struct script {
    const uint8_t *data;
    size_t size;
};

uint8_t script_take(struct script *script);
/* Most significant first. */
uint64_t script_take_number(struct script *script, unsigned bytes);

#endif
