/* violation.h - the named reasons for which a peer is dropped.
 *
 * Each is a fact about bytes or order that an honest peer cannot produce. The name is what exit reports, --json and the
 * log show. 0 is "no violation".
 */
#ifndef BULKHEAD_VIOLATION_H
#define BULKHEAD_VIOLATION_H

enum violation {
    VIOLATION_NONE = 0,
    /* the packet */
    VIOLATION_EMPTY_PACKET,
    VIOLATION_OVERSIZED_PACKET,
    VIOLATION_OVERSIZED_MESSAGE,
    VIOLATION_TRUNCATED_FRAME,
    VIOLATION_UNEXPECTED_FDS,
    VIOLATION_WRONG_FD_COUNT,
    /* the encoding */
    VIOLATION_TRUNCATED_FIELD,
    VIOLATION_UNKNOWN_FIELD,
    VIOLATION_DUPLICATE_FIELD,
    VIOLATION_WRONG_WIRE_TYPE,
    VIOLATION_TOO_MANY_ELEMENTS,
    VIOLATION_TOO_DEEP,
    VIOLATION_UNKNOWN_ENUM,
    VIOLATION_BAD_STRING,
    VIOLATION_NO_MESSAGE,
    VIOLATION_TOO_LONG,
    VIOLATION_BAD_NUMBER,
    VIOLATION_UNDECODABLE,
    /* the conversation */
    VIOLATION_WRONG_STATE,
    VIOLATION_WRONG_VERSION,
    VIOLATION_WRONG_RENDERER_ID,
    VIOLATION_UNKNOWN_REQUEST,
    VIOLATION_BAD_TIMESTAMP,
    VIOLATION_BAD_BUFFER,
    VIOLATION_BAD_GEOMETRY,
    VIOLATION_BAD_PAGE,
    VIOLATION_BAD_SEQUENCE,
    VIOLATION_NOT_OUR_CHILD,
    VIOLATION_TOO_MANY_REQUESTS,
    VIOLATION_FLOOD,
    VIOLATION_NOT_READING,
    VIOLATION_COUNT,
};

/* "oversized message", "duplicate field", … */
const char *violation_name(enum violation violation);

#endif
