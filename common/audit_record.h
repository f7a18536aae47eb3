/* audit_record.h - how often a renderer made each call, counted by itself under audit (renderer/audit.h).
 *
 * Lies behind the crash record in the same shared memory, at AUDIT_RECORD_OFFSET. The renderer's own word: the broker
 * reads each counter once and believes it only as a number.
 */
#ifndef BULKHEAD_AUDIT_RECORD_H
#define BULKHEAD_AUDIT_RECORD_H

#include <stdatomic.h>
#include <stdint.h>

#include "common/crash_record.h"

enum {
    AUDIT_ROWS = 128,  /* room for policy_rows[] */
    AUDIT_CALLS = 512, /* numbers that no row fitted; the last stands for all above */
};

struct audit_record {
    _Atomic uint64_t rows[AUDIT_ROWS];
    _Atomic uint64_t others[AUDIT_CALLS];
};

enum {
    AUDIT_RECORD_OFFSET = CRASH_RECORD_BYTES,
    AUDIT_RECORD_BYTES = (sizeof(struct audit_record) + 4095) / 4096 * 4096,
};

#endif
