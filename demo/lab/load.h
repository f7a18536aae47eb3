/* load.h - how much of the processors something else had while we measured: figures of a busy machine say less. */
#ifndef BULKHEAD_LAB_LOAD_H
#define BULKHEAD_LAB_LOAD_H

struct load {
    double busy_ms, all_ms; /* of all processors together, time stolen by other machines included */
    double own_ms;          /* of this process and the children it has waited for */
};

/* 0, or -errno: /proc/stat cannot be read. */
int load_sample(struct load *ret_load);
/* In percent of all processors' time between two samples; 0 if there was none. */
double load_of_others(const struct load *start, const struct load *end);

#endif
