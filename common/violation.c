#include "common/violation.h"

static const char *const violation_names[VIOLATION_COUNT] = {
    [VIOLATION_NONE] = "none",
    [VIOLATION_EMPTY_PACKET] = "empty packet",
    [VIOLATION_OVERSIZED_PACKET] = "oversized packet",
    [VIOLATION_OVERSIZED_MESSAGE] = "oversized message",
    [VIOLATION_TRUNCATED_FRAME] = "truncated frame",
    [VIOLATION_UNEXPECTED_FDS] = "unexpected fds",
    [VIOLATION_WRONG_FD_COUNT] = "wrong fd count",
    [VIOLATION_TRUNCATED_FIELD] = "truncated field",
    [VIOLATION_UNKNOWN_FIELD] = "unknown field",
    [VIOLATION_DUPLICATE_FIELD] = "duplicate field",
    [VIOLATION_WRONG_WIRE_TYPE] = "wrong wire type",
    [VIOLATION_TOO_MANY_ELEMENTS] = "too many elements",
    [VIOLATION_TOO_DEEP] = "too deep",
    [VIOLATION_UNKNOWN_ENUM] = "unknown enum value",
    [VIOLATION_BAD_STRING] = "bad string",
    [VIOLATION_NO_MESSAGE] = "no message",
    [VIOLATION_TOO_LONG] = "too long",
    [VIOLATION_BAD_NUMBER] = "bad number",
    [VIOLATION_UNDECODABLE] = "undecodable",
    [VIOLATION_WRONG_STATE] = "wrong state",
    [VIOLATION_WRONG_VERSION] = "wrong version",
    [VIOLATION_WRONG_RENDERER_ID] = "wrong renderer id",
    [VIOLATION_UNKNOWN_REQUEST] = "unknown request",
    [VIOLATION_BAD_TIMESTAMP] = "bad timestamp",
    [VIOLATION_BAD_BUFFER] = "bad buffer",
    [VIOLATION_BAD_GEOMETRY] = "bad geometry",
    [VIOLATION_BAD_PAGE] = "bad page",
    [VIOLATION_BAD_SEQUENCE] = "bad sequence",
    [VIOLATION_NOT_OUR_CHILD] = "not our child",
    [VIOLATION_TOO_MANY_REQUESTS] = "too many requests",
    [VIOLATION_FLOOD] = "flood",
    [VIOLATION_NOT_READING] = "not reading",
};

const char *violation_name(enum violation violation)
{
    unsigned index = (unsigned)violation;

    if (index >= VIOLATION_COUNT || !violation_names[index])
        return "unknown violation";
    return violation_names[index];
}
