/* services.h - what every part of a broker uses and none of them owns.
 *
 * The broker makes it once and it outlives all who hold it; the policy's content changes when its file is read anew.
 * Whoever needs no more than this takes it in place of the broker.
 */
#ifndef BULKHEAD_SERVICES_H
#define BULKHEAD_SERVICES_H

struct services {
    struct loop *loop;
    const struct policy *policy;
    struct trace *trace;         /* NULL when not tracing */
    struct recording *recording; /* NULL when not recording */
};

#endif
