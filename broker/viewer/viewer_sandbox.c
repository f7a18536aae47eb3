#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/observe/observe_host.h"
#include "broker/observe/sandbox_page.h"
#include "broker/observe/sandbox_text.h"
#include "broker/viewer/viewer_draw.h"
#include "broker/viewer/viewer_private.h"

void viewer_sandbox_line(const struct broker *broker, char *out, size_t out_bytes)
{
    size_t count, in_force = 0, wanted = 0, used;
    const struct layer_status *layers = broker_layers(broker, &count);
    bool is_up = false;

    for (size_t i = 0; i < count; i++) {
        is_up |= layers[i].known && !layer_is_of_broker(layers[i].layer);
        in_force += layers[i].known && layers[i].in_force;
        wanted += layers[i].in_force || !layer_is_optional(layers[i].layer);
    }
    if (!is_up) {
        snprintf(out, out_bytes, "sandbox: building");
        return;
    }
    used = (size_t)snprintf(out, out_bytes, "sandbox: %zu of %zu layers", in_force, wanted);
    for (size_t i = 0; i < count && used < out_bytes; i++)
        if (layers[i].known && !layers[i].in_force && !layer_is_optional(layers[i].layer))
            used += (size_t)snprintf(out + used, out_bytes - used, " · no %s", layer_name(layers[i].layer));
}

static const char *viewer_layer_mark(const struct layer_status *status)
{
    if (!status->known)
        return "·";
    if (status->in_force)
        return "✓";
    return layer_is_optional(status->layer) ? "–" : "✗";
}

void viewer_print_sandbox(FILE *out, const struct broker *broker)
{
    size_t count;
    const struct layer_status *layers = broker_layers(broker, &count);

    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s %-25s %s", viewer_layer_mark(&layers[i]), layer_name(layers[i].layer), layers[i].evidence);
        if (layer_is_optional(layers[i].layer) && !layers[i].in_force)
            fputs(" (optional: resource-limits hold instead)", out);
        else if (layers[i].known && !layers[i].in_force)
            fprintf(out, "%s%s", layers[i].evidence[0] ? " · " : "",
                    layers[i].error ? strerror(layers[i].error) : "left out");
        fputc('\n', out);
    }
}

/* What the host has is tried once: it takes a child, and does not change. */
static const struct host_facts *viewer_host(struct viewer *viewer)
{
    struct host_facts *host = viewer->host == NULL ? calloc(1, sizeof(*host)) : NULL;

    if (host != NULL && host_observe(host) == 0) {
        viewer->host = host;
        return host;
    }
    free(host);
    return viewer->host;
}

/* NULL where that cannot be had. */
static struct sandbox_page *viewer_look(struct viewer *viewer)
{
    const struct host_facts *host = viewer_host(viewer);
    struct sandbox_page *page = NULL;

    if (host != NULL)
        sandbox_page_create(viewer->broker, host, broker_options(viewer->broker)->require, &page);
    return page;
}

char *viewer_sandbox_page(struct viewer *viewer)
{
    unsigned renderer_id = viewer->count > 0 ? tab_renderer_id(viewer->tabs[viewer->active]->tab) : 0;
    struct sandbox_page *page = viewer_look(viewer);
    char *text = NULL;
    size_t size;

    if (page == NULL)
        return strdup("the processes cannot be looked at\n");
    FILE *out = open_memstream(&text, &size);
    if (out != NULL) {
        sandbox_text_print_renderer(out, page, renderer_id, (size_t)viewer_draw_overlay_columns(viewer->screen));
        fclose(out);
    }
    sandbox_page_destroy(page);
    return text;
}

char *viewer_sandbox_text(struct viewer *viewer)
{
    struct sandbox_page *page = viewer_look(viewer);
    char *text = NULL;
    size_t size;
    FILE *out = page != NULL ? open_memstream(&text, &size) : NULL;

    if (out != NULL) {
        sandbox_text_print_summary(out, page);
        fclose(out);
    }
    sandbox_page_destroy(page);
    return text;
}
