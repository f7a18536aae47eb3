#include "renderer/modules.h"

#include <elf.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/codec.h"

static void find_build_id(const struct dl_phdr_info *info, const ElfW(Phdr) * segment, struct module *module)
{
    const uint8_t *at = (const uint8_t *)(info->dlpi_addr + segment->p_vaddr), *end = at + segment->p_memsz;

    while (at + sizeof(ElfW(Nhdr)) <= end) {
        const ElfW(Nhdr) *note = (const ElfW(Nhdr) *)at;
        const uint8_t *name = at + sizeof(*note), *value = name + (note->n_namesz + 3u) / 4u * 4u;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 && memcmp(name, "GNU", 4) == 0 &&
            note->n_descsz <= MODULE_BUILD_ID_BYTES) {
            memcpy(module->build_id, value, note->n_descsz);
            module->build_id_bytes = note->n_descsz;
            return;
        }
        at = value + (note->n_descsz + 3u) / 4u * 4u;
    }
}

/* The first entry is the program and has no name. */
static void set_path(struct module *module, const char *name, size_t index)
{
    ssize_t length = -1;

    if (name[0] == '\0' && index == 0)
        length = readlink("/proc/self/exe", module->path, sizeof(module->path) - 1);
    if (length >= 0)
        module->path[length] = '\0';
    else
        snprintf(module->path, sizeof(module->path), "%s", name);
}

static int collect_one(struct dl_phdr_info *info, size_t size, void *userdata)
{
    struct modules *modules = userdata;
    struct module *module = &modules->items[modules->count];

    (void)size;
    if (modules->count == LIMIT_MODULES)
        return 1;
    *module = (struct module){.load_bias = info->dlpi_addr, .start = UINT64_MAX};
    set_path(module, info->dlpi_name, modules->count);
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uint64_t start = info->dlpi_addr + segment->p_vaddr;
        if (segment->p_type == PT_NOTE)
            find_build_id(info, segment, module);
        if (segment->p_type != PT_LOAD)
            continue;
        if (start < module->start)
            module->start = start;
        if (start + segment->p_memsz > module->end)
            module->end = start + segment->p_memsz;
    }
    if (module->end != 0)
        modules->count++;
    return 0;
}

void modules_collect(struct modules *ret_modules)
{
    ret_modules->count = 0;
    dl_iterate_phdr(collect_one, ret_modules);
}

size_t modules_list(const struct modules *modules, Bulkhead__Module *storage, Bulkhead__Module **ret_list)
{
    for (size_t i = 0; i < modules->count; i++) {
        const struct module *module = &modules->items[i];
        bulkhead__module__init(&storage[i]);
        storage[i].path = codec_bytes(module->path, strlen(module->path));
        storage[i].load_bias = module->load_bias;
        storage[i].start = module->start;
        storage[i].end = module->end;
        storage[i].build_id = codec_bytes(module->build_id, module->build_id_bytes);
        ret_list[i] = &storage[i];
    }
    return modules->count;
}
