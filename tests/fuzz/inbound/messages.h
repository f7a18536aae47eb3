/* messages.h - what the youngest renderer says: put together field by field as the script wants it, with numbers that
 * are right at this moment among the choices, so that state is reached. Nothing is sent where it has no channel any
 * more. */
#ifndef BULKHEAD_FUZZ_MESSAGES_H
#define BULKHEAD_FUZZ_MESSAGES_H

#include "tests/fuzz/inbound/world.h"
#include "tests/support/wire.h"

/* A message of any type. */
void messages_send_any(struct world *world);
/* What an honest renderer would answer now, but for a field or two. */
void messages_answer_almost_honestly(struct world *world);
/* A packet of any bytes. */
void messages_send_raw(struct world *world);
/* An honest envelope around `inner`. */
void messages_send_envelope(uint64_t request_id, unsigned type, const struct wire *inner);

#endif
