/* modules.h - the files mapped into this process, for symbols outside the cell: the zygote's, and so every renderer's.
 */
#ifndef BULKHEAD_MODULES_H
#define BULKHEAD_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "common/limits.h"
#include "to_broker.pb-c.h"

enum { MODULE_PATH_BYTES = 256, MODULE_BUILD_ID_BYTES = 32 };

struct module {
    char path[MODULE_PATH_BYTES];
    uint64_t load_bias, start, end;
    uint8_t build_id[MODULE_BUILD_ID_BYTES];
    size_t build_id_bytes;
};

struct modules {
    size_t count;
    struct module items[LIMIT_MODULES];
};

/* Reads the dynamic linker's list; before the root is gone, as the program's own path comes from /proc/self/exe. */
void modules_collect(struct modules *ret_modules);

/* For a Hello; storage and ret_list have room for LIMIT_MODULES, the bytes borrow from `modules`. Returns how many. */
size_t modules_list(const struct modules *modules, Bulkhead__Module *storage, Bulkhead__Module **ret_list);

#endif
