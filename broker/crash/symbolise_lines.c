#include <dwarf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/crash/symbolise_private.h"

// A place in a source file; path NULL = unknown.
struct place {
    const char *path;
    int line;
};

// The path as the compiler was given it: without the directory it was started in.
static const char *relative_path(const char *path, const char *directory)
{
    size_t length = directory != NULL ? strlen(directory) : 0;

    if (path == NULL || length == 0 || strncmp(path, directory, length) != 0 || path[length] != '/')
        return path;
    return path + length + 1;
}

static const char *compile_directory(Dwarf_Die *unit)
{
    Dwarf_Attribute attribute;

    return unit != NULL ? dwarf_formstring(dwarf_attr(unit, DW_AT_comp_dir, &attribute)) : NULL;
}

static struct place place_of_address(Dwfl_Module *module, uint64_t address, Dwarf_Die *unit)
{
    struct place place = {0};
    Dwfl_Line *line = dwfl_module_getsrc(module, address);

    if (line != NULL)
        place.path = relative_path(dwfl_lineinfo(line, NULL, &place.line, NULL, NULL, NULL), compile_directory(unit));
    return place;
}

static Dwarf_Word unsigned_attribute(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value = 0;

    dwarf_formudata(dwarf_attr(die, name, &attribute), &value);
    return value;
}

// Where an inlined function was called from.
static struct place place_of_call(Dwarf_Die *inlined, Dwarf_Die *unit)
{
    struct place place = {.line = (int)unsigned_attribute(inlined, DW_AT_call_line)};
    Dwarf_Word file = unsigned_attribute(inlined, DW_AT_call_file);
    Dwarf_Files *files;
    size_t count;

    if (dwarf_getsrcfiles(unit, &files, &count) == 0 && file < count)
        place.path = relative_path(dwarf_filesrc(files, file, NULL, NULL), compile_directory(unit));
    return place;
}

static void print_place(FILE *out, const struct place *place)
{
    if (place->path != NULL)
        fprintf(out, " (%s:%d)", place->path, place->line);
}

// The blocks around an address as they were compiled, innermost first; *ret_scopes is owned. dwarf_getscopes() leaves
// the compiled code for the definition at the first inlined function; from its innermost block the way out is known.
static int concrete_scopes(Dwarf_Die *unit, Dwarf_Addr address, Dwarf_Die **ret_scopes)
{
    Dwarf_Die *around = NULL;
    int count = dwarf_getscopes(unit, address, &around);

    if (count > 0)
        count = dwarf_getscopes_die(&around[0], ret_scopes);
    free(around);
    return count;
}

// Prints the functions inlined at the address, innermost first; *place becomes where the outermost was called from.
static void print_inlined(FILE *out, Dwfl_Module *module, size_t index, const struct symbolise_frame *frame,
                          uint64_t lookup, const char *module_name, struct place *place)
{
    Dwarf_Addr bias = 0;
    Dwarf_Die *unit = dwfl_module_addrdie(module, lookup, &bias), *scopes = NULL;
    int count = unit != NULL ? concrete_scopes(unit, lookup - bias, &scopes) : 0;

    *place = place_of_address(module, lookup, unit);
    for (int i = 0; i < count && dwarf_tag(&scopes[i]) != DW_TAG_subprogram; i++) {
        if (dwarf_tag(&scopes[i]) != DW_TAG_inlined_subroutine)
            continue;
        const char *name = dwarf_diename(&scopes[i]);
        fprintf(out, "#%zu 0x%016" PRIx64 " %s", index, frame->address, name != NULL ? name : "??");
        print_place(out, place);
        fprintf(out, " [%s, inlined]\n", module_name);
        *place = place_of_call(&scopes[i], unit);
    }
    free(scopes);
}

void symbolise_lines_print(FILE *out, Dwfl *dwfl, size_t index, const struct symbolise_frame *frame)
{
    // The return address may lie in the next line or even the next function; the call does not.
    uint64_t lookup = frame->is_caller ? frame->address - 1 : frame->address;
    Dwfl_Module *module = dwfl_addrmodule(dwfl, lookup);
    struct place place = {0};
    Dwarf_Addr start = 0;
    GElf_Off offset = 0;
    GElf_Sym symbol;

    if (module == NULL) {
        fprintf(out, "#%zu 0x%016" PRIx64 " ??\n", index, frame->address);
        return;
    }
    const char *module_name = dwfl_module_info(module, NULL, &start, NULL, NULL, NULL, NULL, NULL);
    module_name = module_name != NULL ? module_name : "??";
    print_inlined(out, module, index, frame, lookup, module_name, &place);
    fprintf(out, "#%zu 0x%016" PRIx64 " ", index, frame->address);
    const char *name = dwfl_module_addrinfo(module, lookup, &offset, &symbol, NULL, NULL, NULL);
    if (name != NULL)
        fprintf(out, "%s+0x%" PRIx64, name, offset + (frame->address - lookup));
    else
        fprintf(out, "??");
    print_place(out, &place);
    if (name != NULL)
        fprintf(out, " [%s]\n", module_name);
    else
        fprintf(out, " [%s+0x%" PRIx64 "]\n", module_name, frame->address - start);
}
