#include "broker/viewer/viewer_session.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/output/json_name.h"
#include "broker/output/output.h"
#include "broker/state_directory.h"
#include "common/text.h"

enum { VIEWER_SESSION_VERSION = 1 };

int viewer_session_path(char *out, size_t out_bytes)
{
    int r = state_directory_path("session.json", out, out_bytes);

    return r < 0 ? r : state_directory_make_parents(out);
}

/* JSON holds Unicode only and file names need not be: such a name is written in hexadecimal. */
static json_t *viewer_session_location(const char *location)
{
    if (text_is_utf8(location, strlen(location)))
        return json_pack("{s:s}", "location", location);
    return json_pack("{s:o}", "location_hex", json_name_hex(location));
}

static json_t *viewer_session_tab(const struct viewer *viewer, size_t index)
{
    const struct document *document = tab_document(viewer_tab(viewer, index));
    struct viewer_place place;
    char absolute[PATH_MAX];
    const char *location = document_location(document);

    if (document_url(document)[0] == '\0')
        location = strcmp(location, "-") == 0 ? NULL : realpath(location, absolute);
    json_t *object = location ? viewer_session_location(location) : NULL;
    if (!object)
        return NULL;
    viewer_place(viewer, index, &place);
    json_object_set_new(object, "page", json_integer(place.page));
    json_object_set_new(object, "zoom", json_real((double)place.zoom));
    json_object_set_new(object, "scroll_x_pt", json_real((double)place.scroll_x_pt));
    json_object_set_new(object, "scroll_y_pt", json_real((double)place.scroll_y_pt));
    return object;
}

static int viewer_session_write(const char *path, const json_t *session)
{
    struct output *output;
    char *text = json_dumps(session, JSON_INDENT(2) | JSON_REAL_PRECISION(6));

    if (!text)
        return -ENOMEM;
    int r = output_open(path, NULL, -1, &output);
    if (r == 0) {
        output_write(output, text, strlen(text));
        output_write(output, "\n", 1);
        r = output_commit(output);
    }
    free(text);
    return r;
}

int viewer_session_save(const struct viewer *viewer, const char *path)
{
    json_t *tabs = json_array(), *session;
    size_t active = 0;

    for (size_t i = 0; i < viewer_count(viewer); i++) {
        json_t *tab = viewer_session_tab(viewer, i);
        if (tab && i <= viewer_active(viewer))
            active = json_array_size(tabs);
        if (tab)
            json_array_append_new(tabs, tab);
    }
    session =
        json_pack("{s:i, s:I, s:o}", "version", VIEWER_SESSION_VERSION, "active", (json_int_t)active, "tabs", tabs);
    if (!session)
        return -ENOMEM;
    int r = viewer_session_write(path, session);
    json_decref(session);
    return r;
}

static char *viewer_session_unhex(const char *hex)
{
    size_t length = strlen(hex) / 2;
    char *bytes = calloc(length + 1, 1);

    for (size_t i = 0; bytes && i < length; i++) {
        unsigned byte;
        if (sscanf(hex + i * 2, "%2x", &byte) != 1 || byte == 0) {
            free(bytes);
            return NULL;
        }
        bytes[i] = (char)byte;
    }
    return bytes;
}

static bool viewer_session_number(const json_t *object, const char *key, double least, double most, float *ret_number)
{
    const json_t *value = json_object_get(object, key);

    if (!json_is_number(value))
        return false;
    double number = json_number_value(value);
    if (!(number >= least && number <= most)) /* NaN too */
        return false;
    *ret_number = (float)number;
    return true;
}

static int viewer_session_parse_tab(const json_t *object, struct viewer_session_tab *tab)
{
    const char *location = json_string_value(json_object_get(object, "location"));
    const char *hex = json_string_value(json_object_get(object, "location_hex"));
    const json_t *page = json_object_get(object, "page");

    if ((!location && !hex) || !json_is_integer(page) || json_integer_value(page) < 0 ||
        json_integer_value(page) >= LIMIT_PAGES)
        return -EINVAL;
    tab->place.page = (uint32_t)json_integer_value(page);
    if (!viewer_session_number(object, "zoom", 0.1, 20, &tab->place.zoom) ||
        !viewer_session_number(object, "scroll_x_pt", 0, 1e7, &tab->place.scroll_x_pt) ||
        !viewer_session_number(object, "scroll_y_pt", 0, 1e7, &tab->place.scroll_y_pt))
        return -EINVAL;
    tab->location = location ? strdup(location) : viewer_session_unhex(hex);
    return tab->location ? 0 : -EINVAL;
}

static int viewer_session_parse(const json_t *root, struct viewer_session *session)
{
    const json_t *tabs = json_object_get(root, "tabs"), *active = json_object_get(root, "active");

    if (json_integer_value(json_object_get(root, "version")) != VIEWER_SESSION_VERSION || !json_is_array(tabs) ||
        json_array_size(tabs) > VIEWER_TABS)
        return -EINVAL;
    session->tabs = calloc(json_array_size(tabs) + 1, sizeof(*session->tabs));
    if (!session->tabs)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(tabs); i++, session->count++) {
        int r = viewer_session_parse_tab(json_array_get(tabs, i), &session->tabs[i]);
        if (r < 0)
            return r;
    }
    json_int_t place = json_integer_value(active);
    session->active = place > 0 && (size_t)place < session->count ? (size_t)place : 0;
    return 0;
}

int viewer_session_load(const char *path, struct viewer_session *ret_session)
{
    struct viewer_session session = {0};
    json_error_t error;
    FILE *file = fopen(path, "re");

    if (!file)
        return -errno;
    json_t *root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    fclose(file);
    int r = root ? viewer_session_parse(root, &session) : -EINVAL;
    json_decref(root);
    if (r < 0)
        viewer_session_fini(&session);
    else
        *ret_session = session;
    return r;
}

void viewer_session_fini(struct viewer_session *session)
{
    for (size_t i = 0; session->tabs && i < session->count; i++)
        free(session->tabs[i].location);
    free(session->tabs);
    *session = (struct viewer_session){0};
}
