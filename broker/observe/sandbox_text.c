#include "broker/observe/sandbox_text.h"

#include <string.h>

#include "common/text.h"

enum {
    COLUMNS_ANYWHERE = 80,
    COLUMNS_LEAST = 40,
    COLUMNS_MOST = 160,
    WIDE = 92, /* from here on evidence has a column of its own */
    NAME = 26,
    WANTED = 9,
    OBSERVED = 13,
    HOST_KEY = 14,
    EVIDENCE_BYTES = 2 * JUDGEMENT_BYTES + HOST_WHY_BYTES + 64,
};

static size_t fit(size_t columns)
{
    columns = columns == 0 ? COLUMNS_ANYWHERE : columns;
    return columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns > COLUMNS_MOST ? COLUMNS_MOST : columns;
}

static void print_fact(FILE *out, size_t columns, const char *key, const char *text)
{
    fprintf(out, "  %-*s", HOST_KEY - 2, key);
    text_print_wrapped(out, text, HOST_KEY, columns, HOST_KEY);
}

static void list_layers_here(const struct sandbox_page *page, char *out, size_t out_bytes)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < LAYERS && used < out_bytes; i++)
        if (page->layers[i].is_here && !layer_is_optional(i))
            used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", used > 0 ? ", " : "", layer_name(i));
}

static void print_settings(FILE *out, const struct host_facts *host, size_t columns)
{
    for (int i = 0; i < HOST_SETTINGS; i++) {
        char line[128];
        if (host->settings[i].error != 0)
            continue;
        snprintf(line, sizeof line, "%s = %ld", host_setting_name(i), host->settings[i].value);
        print_fact(out, columns, "setting", line);
    }
}

static void print_host(FILE *out, const struct sandbox_page *page, size_t columns)
{
    const struct host_facts *host = &page->host;
    char line[1024];
    fputs("host\n", out);
    snprintf(line, sizeof line, "Linux %s, %s", host->kernel, host->machine);
    print_fact(out, columns, "kernel", line);
    host_surroundings(host, line, sizeof line);
    print_fact(out, columns, "lives in", line);
    if (host->landlock_abi >= 0) {
        snprintf(line, sizeof line, "ABI %d", host->landlock_abi);
        print_fact(out, columns, "Landlock", line);
    }
    print_fact(out, columns, "seccomp", host->seccomp_actions[0] != '\0' ? host->seccomp_actions : "no filters");
    print_fact(out, columns, "cgroup v2", host->has_cgroup2 ? "mounted" : "not mounted");
    print_settings(out, host, columns);
    list_layers_here(page, line, sizeof line);
    print_fact(out, columns, "has", line);
    for (unsigned i = 0; i < LAYERS; i++) {
        if (page->layers[i].is_here)
            continue;
        snprintf(line, sizeof line, "%s: %s", layer_name(i), page->layers[i].why_not);
        print_fact(out, columns, "has not", line);
    }
}

static void print_processes(FILE *out, const struct sandbox_page *page, size_t columns)
{
    enum { PROCESS = 14, PID = 8, COUNT = 9, WHAT = PROCESS + PID + 4 * COUNT + 2 };
    fprintf(out, "\nprocesses\n%*s%*s%*s%*s%*s  what\n", PROCESS + PID, "pid", COUNT, "in force", COUNT, "says so",
            COUNT, "unseen", COUNT, "missing");
    for (size_t i = 0; i < page->count; i++) {
        const struct sandbox_process *process = &page->processes[i];
        const size_t *counts = process->counts;
        fprintf(out, "  %-*s%*d%*zu%*zu%*zu%*zu  ", PROCESS - 2, process->name, PID, (int)process->pid, COUNT,
                counts[LAYER_OBSERVED_IN_FORCE], COUNT, counts[LAYER_OBSERVED_CLAIMED], COUNT,
                counts[LAYER_OBSERVED_NOT_SHOWN], COUNT,
                counts[LAYER_OBSERVED_MISSING] + counts[LAYER_OBSERVED_CONTRADICTED]);
        text_print_wrapped(out, process->what, WHAT, columns, WHAT);
    }
}

static const char *mark_of(const struct sandbox_row *row)
{
    if (row->observed == LAYER_OBSERVED_IN_FORCE)
        return "✓";
    if (row->observed == LAYER_OBSERVED_CLAIMED)
        return "~";
    if (row->is_bad)
        return "✗";
    return row->observed == LAYER_OBSERVED_NOT_SHOWN ? "?" : "–";
}

static void explain_missing(const struct sandbox_layer *layer, const struct sandbox_row *row, char *out,
                            size_t out_bytes)
{
    bool is_seen = row->outside.verdict != VERDICT_CANNOT_TELL, is_here = layer->want != SANDBOX_NOT_HERE;
    snprintf(out, out_bytes, "%s%s%s%s%s", is_seen ? row->outside.text : "its word: ",
             is_seen && is_here && row->word[0] != '\0' ? "; its word: " : "", is_seen && !is_here ? "" : row->word,
             is_seen || is_here ? "" : "; ", is_seen || is_here ? "" : layer->why_not);
}

void sandbox_text_evidence(const struct sandbox_page *page, const struct sandbox_process *process, unsigned layer,
                           char *out, size_t out_bytes)
{
    const struct sandbox_row *row = &process->rows[layer];
    switch (row->observed) {
    case LAYER_OBSERVED_IN_FORCE:
        snprintf(out, out_bytes, "%s", row->outside.text);
        break;
    case LAYER_OBSERVED_CLAIMED:
        snprintf(out, out_bytes, "its word: %s; cannot be seen from here: %s", row->word, row->outside.text);
        break;
    case LAYER_OBSERVED_MISSING:
        explain_missing(&page->layers[layer], row, out, out_bytes);
        break;
    case LAYER_OBSERVED_NOT_SHOWN:
        snprintf(out, out_bytes, "cannot be seen from here: %s%s%s", row->outside.text,
                 row->word[0] != '\0' ? "; its word: " : "", row->word);
        break;
    case LAYER_OBSERVED_CONTRADICTED:
        snprintf(out, out_bytes, "from outside: %s; its word: %s", row->outside.text, row->word);
        break;
    case LAYER_OBSERVED_COUNT:
        break;
    }
}

static void print_row(FILE *out, const struct sandbox_page *page, const struct sandbox_process *process, unsigned layer,
                      size_t columns)
{
    const struct sandbox_row *row = &process->rows[layer];
    bool is_wide = columns >= WIDE;
    char evidence[EVIDENCE_BYTES];
    sandbox_text_evidence(page, process, layer, evidence, sizeof evidence);
    fprintf(out, "%s %-*s%-*s", mark_of(row), NAME, layer_name(layer), WANTED,
            sandbox_want_name(page->layers[layer].want));
    if (is_wide)
        fprintf(out, "%-*s", OBSERVED, layer_observed_name(row->observed));
    else
        fprintf(out, "%s\n    ", layer_observed_name(row->observed));
    size_t column = is_wide ? 2 + NAME + WANTED + OBSERVED : 4;
    text_print_wrapped(out, evidence, column, columns, column);
}

static void print_process(FILE *out, const struct sandbox_page *page, const struct sandbox_process *process,
                          size_t columns)
{
    char heading[sizeof process->name + sizeof process->what + 32];
    snprintf(heading, sizeof heading, "%s, pid %d: %s", process->name, (int)process->pid, process->what);
    fputc('\n', out);
    text_print_wrapped(out, heading, 0, columns, 4);
    fprintf(out, "  %-*s%-*s%-*s%s\n", NAME, "layer", WANTED, "wanted", columns >= WIDE ? OBSERVED : 0, "observed",
            columns >= WIDE ? "evidence" : "\n    evidence");
    for (unsigned layer = 0; layer < LAYERS; layer++)
        if (process->rows[layer].is_of_role)
            print_row(out, page, process, layer, columns);
}

static void print_legend(FILE *out, size_t columns)
{
    text_print_wrapped(out, "✓ seen from outside · ~ its own word, not to be seen from here · ? neither", 0, columns,
                       2);
    text_print_wrapped(out, "✗ wanted and not known to be in force, or contradicted · – not wanted here", 0, columns,
                       2);
}

void sandbox_text_print(FILE *out, const struct sandbox_page *page, size_t columns)
{
    columns = fit(columns);
    print_host(out, page, columns);
    print_processes(out, page, columns);
    for (size_t i = 0; i < page->count; i++)
        print_process(out, page, &page->processes[i], columns);
    fputc('\n', out);
    print_legend(out, columns);
}

static void print_failure(FILE *out, const struct sandbox_page *page, unsigned layer, size_t columns)
{
    const struct sandbox_layer *sum = &page->layers[layer];
    const struct sandbox_process *process = &page->processes[sum->worst_process];
    char evidence[EVIDENCE_BYTES], line[EVIDENCE_BYTES + 128];
    if (sum->want == SANDBOX_NOT_HERE && sum->worst != LAYER_OBSERVED_CONTRADICTED)
        snprintf(evidence, sizeof evidence, "%s", sum->why_not);
    else
        sandbox_text_evidence(page, process, layer, evidence, sizeof evidence);
    snprintf(line, sizeof line, "%s %s%s%s%s: %s", layer_name(layer), layer_observed_name(sum->worst),
             sum->want == SANDBOX_NOT_HERE ? ", not to be had here" : " in ",
             sum->want == SANDBOX_NOT_HERE ? "" : process->name, sum->want == SANDBOX_REQUIRED ? ", required" : "",
             evidence);
    fputs("  ", out);
    text_print_wrapped(out, line, 2, columns, 4);
}

void sandbox_text_print_score(FILE *out, const struct sandbox_page *page, size_t columns)
{
    struct sandbox_score score = sandbox_page_score(page);
    char line[192];
    columns = fit(columns);
    snprintf(line, sizeof line, "%zu of %zu layers in force: %zu seen from outside, %zu by the processes' own word",
             score.seen + score.claimed, score.total, score.seen, score.claimed);
    text_print_wrapped(out, line, 0, columns, 0);
    for (unsigned i = 0; i < LAYERS; i++)
        if (page->layers[i].is_counted && page->layers[i].worst > LAYER_OBSERVED_CLAIMED)
            print_failure(out, page, i, columns);
}

void sandbox_text_print_renderer(FILE *out, const struct sandbox_page *page, unsigned renderer_id, size_t columns)
{
    columns = fit(columns);
    sandbox_text_print_score(out, page, columns);
    for (size_t i = 0; i < page->count; i++)
        if (page->processes[i].role == SANDBOX_RENDERER && page->processes[i].renderer_id == renderer_id)
            print_process(out, page, &page->processes[i], columns);
    fputc('\n', out);
    print_legend(out, columns);
    print_processes(out, page, columns);
    fputc('\n', out);
    print_host(out, page, columns);
    for (size_t i = 0; i < page->count; i++)
        if (page->processes[i].role != SANDBOX_RENDERER)
            print_process(out, page, &page->processes[i], columns);
}

static void print_summary_row(FILE *out, const struct sandbox_page *page, unsigned layer)
{
    const struct sandbox_layer *sum = &page->layers[layer];
    const struct sandbox_process *process = &page->processes[sum->worst_process];
    const struct sandbox_row *row = &process->rows[layer];
    char evidence[EVIDENCE_BYTES];
    fprintf(out, "%s %-*s", mark_of(row), NAME, layer_name(layer));
    if (sum->worst == LAYER_OBSERVED_IN_FORCE) {
        fprintf(out, "seen in %zu: %s\n", sum->processes, row->outside.text);
    } else if (sum->worst == LAYER_OBSERVED_CLAIMED) {
        fprintf(out, "%zu say so: %s\n", sum->processes, row->word);
    } else {
        sandbox_text_evidence(page, process, layer, evidence, sizeof evidence);
        fprintf(out, "%s in %s, %s: %s\n", layer_observed_name(sum->worst), process->name, sandbox_want_name(sum->want),
                evidence);
    }
}

void sandbox_text_print_summary(FILE *out, const struct sandbox_page *page)
{
    for (unsigned i = 0; i < LAYERS; i++)
        if (page->layers[i].processes > 0)
            print_summary_row(out, page, i);
}
