/* require.h - what must hold whatever a fuzz target is given: the place on stderr and an abort if it does not, in every
 * variant of the build. */
#ifndef BULKHEAD_FUZZ_REQUIRE_H
#define BULKHEAD_FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static inline void require_at(bool holds, const char *file, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold\n", file, line);
    abort();
}
#define require(holds) require_at((holds), __FILE__, __LINE__)

#endif
