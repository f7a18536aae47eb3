/* finish.h - what is left at the end: pictures on disk, the trace, the tables. */
#ifndef BULKHEAD_DEMO_FINISH_H
#define BULKHEAD_DEMO_FINISH_H

#include "demo/acts.h"

/* One PNG for each tab into the output directory. Returns how many were written. */
size_t finish_write_pictures(struct stage *stage);

/* The message table, the ends seen; owned by the caller, NULL when out of memory. Taken while the broker still lives.
 */
char *finish_tables(const struct stage *stage);

#endif
