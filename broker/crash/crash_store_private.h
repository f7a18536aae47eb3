/* crash_store_private.h - what crash_store.c (the directory, reading) and crash_store_write.c share. */
#ifndef BULKHEAD_CRASH_STORE_PRIVATE_H
#define BULKHEAD_CRASH_STORE_PRIVATE_H

#include <limits.h>

#include "broker/crash/crash_store.h"

enum { CRASH_STORE_NAME_BYTES = 40, CRASH_STORE_NUMBER_MOST = 999999999 };

struct crash_store {
    int fd;
    char directory[PATH_MAX]; // escaped
};

/* "crash-0012.json" */
void crash_store_name(uint32_t number, char out[CRASH_STORE_NAME_BYTES]);
/* 0, also if it was gone already, or -errno. */
int crash_store_remove(const struct crash_store *store, uint32_t number);
/* Removes temporary files that nobody writes any more. */
void crash_store_sweep(const struct crash_store *store);

#endif
