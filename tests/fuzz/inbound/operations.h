/* operations.h - what a script of fuzz_inbound can have done, by the renderer and by whoever looks at the tab. */
#ifndef BULKHEAD_FUZZ_OPERATIONS_H
#define BULKHEAD_FUZZ_OPERATIONS_H

#include "tests/fuzz/inbound/world.h"

/* The first byte of an operation, modulo OPERATIONS: those between two of these are as the one before. */
enum operation {
    OPERATION_SEND = 0, /* a message of any type */
    OPERATION_ANSWER = 5,
    OPERATION_SEND_RAW = 8,
    OPERATION_SCRIBBLE_FRAMES = 9,
    OPERATION_SCRIBBLE_RECORD = 10,
    OPERATION_WRITE_RECORD = 11,
    OPERATION_END = 12,
    OPERATION_LOG = 13,
    OPERATION_ACT = 14, /* the viewer's: see enum act */
    OPERATIONS = 16,
};

/* The byte after OPERATION_ACT, modulo ACTS. */
enum act {
    ACT_PAINT,
    ACT_MEASURE,
    ACT_SCROLL,
    ACT_CANCEL,
    ACT_RELOAD,
    ACT_BORROW,
    ACT_RETURN,
    ACT_COPY,
    ACT_INPUT,
    ACTS,
};

/* Does the next operation of the script. */
void operations_do(struct world *world);

void operations_paint(struct world *world);
void operations_copy_frame(struct world *world, const struct frame *frame);
void operations_give_back(struct world *world);

#endif
