/* clock.h - the one clock: CLOCK_MONOTONIC, the same for all processes, read without a system call through the vDSO. */
#ifndef BULKHEAD_CLOCK_H
#define BULKHEAD_CLOCK_H

#include <stdint.h>

uint64_t clock_now_ns(void);
uint64_t clock_now_ms(void);

#endif
