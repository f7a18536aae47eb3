#include "demo/lab/list.h"

#include <jansson.h>
#include <stdint.h>
#include <string.h>

#include "broker/command/cli.h"
#include "common/text.h"

enum { NAME_COLUMNS = 20, SUMMARY_COLUMN = 2 + NAME_COLUMNS + 1 + LAB_CAPABILITIES + 2 };

/* By the bit's number; `letter` heads its column. */
static const struct {
    char letter;
    const char *name, *meaning;
} capabilities[LAB_CAPABILITIES] = {
    {'m', "keeps-boundaries", "messages arrive as they were sent"},
    {'2', "both-ways", "one object serves both directions"},
    {'f', "carries-fds", "carries file descriptors"},
    {'e', "pollable", "epoll can wait for it"},
    {'n', "unrelated", "processes find each other by a name"},
    {'p', "many-peers", "more than two at once"},
    {'!', "priorities", "urgent messages overtake"},
    {'0', "no-kernel-copy", "the kernel copies no data"},
    {'h', "crosses-hosts", "reaches other hosts"},
    {'l', "may-lose", "a full queue drops messages"},
};

static void print_text(FILE *out, const struct lab_entry *entry)
{
    char marks[LAB_CAPABILITIES + 1];
    size_t columns = cli_terminal_columns();

    for (int i = 0; i < LAB_CAPABILITIES; i++)
        marks[i] = entry->transport != NULL && (entry->transport->capabilities >> i & 1) ? capabilities[i].letter
                   : entry->transport != NULL                                            ? '.'
                                                                                         : ' ';
    marks[LAB_CAPABILITIES] = '\0';
    fprintf(out, "  %-*s %s  ", NAME_COLUMNS, entry->name, marks);
    text_print_wrapped(out, entry->summary, SUMMARY_COLUMN, columns > 0 ? columns : SIZE_MAX, SUMMARY_COLUMN);
}

static json_t *entry_json(const struct lab_entry *entry)
{
    json_t *list = json_array();

    for (int i = 0; i < LAB_CAPABILITIES; i++)
        if (entry->transport != NULL && (entry->transport->capabilities >> i & 1))
            json_array_append_new(list, json_string(capabilities[i].name));
    return json_pack("{s:s, s:s, s:s, s:s?, s:b, s:b, s:o}", "name", entry->name, "family", entry->family, "summary",
                     entry->summary, "pitfall", entry->pitfall, "show", entry->show != NULL, "bench",
                     entry->transport != NULL, "capabilities", list);
}

void lab_list_print(FILE *out, bool json, const struct lab_entry *const *entries, size_t count)
{
    const char *family = "";
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++) {
        if (json) {
            json_array_append_new(list, entry_json(entries[i]));
            continue;
        }
        if (strcmp(family, entries[i]->family) != 0)
            fprintf(out, "%s\n", entries[i]->family);
        family = entries[i]->family;
        print_text(out, entries[i]);
    }
    if (json) {
        json_dumpf(list, out, JSON_INDENT(2));
        fputc('\n', out);
    } else {
        fputc('\n', out);
        for (int i = 0; i < LAB_CAPABILITIES; i++)
            fprintf(out, "  %c  %s\n", capabilities[i].letter, capabilities[i].meaning);
    }
    json_decref(list);
}
