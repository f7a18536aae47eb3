/* cgroup_private.h - the inside of struct cgroup, shared by cgroup.c (dividing and putting back) and cgroup_renderers.c
 * (one renderer's cgroup). */
#ifndef BULKHEAD_CGROUP_PRIVATE_H
#define BULKHEAD_CGROUP_PRIVATE_H

#include <limits.h>

#include "broker/limits/cgroup.h"

#define CGROUP_RENDERER "renderer-" /* and its number: the name of its cgroup */

enum { CGROUP_CONTROL_BYTES = 64 };

struct cgroup {
    char directory[PATH_MAX];
    int directory_fd;
    char name[32]; // in it: "bulkhead-PID"
    int own_fd;    // of that; -1 until it is made
    /* What we switched on for the children: "+memory +pids", and its opposite. */
    char enable[CGROUP_CONTROL_BYTES], disable[CGROUP_CONTROL_BYTES];
    bool has_cpu, is_divided;
};

#endif
