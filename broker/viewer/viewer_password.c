#include <stdio.h>
#include <string.h>

#include "broker/viewer/viewer_private.h"

static void viewer_password_append(struct viewer *viewer, uint32_t key)
{
    size_t length = strlen(viewer->password);
    char utf8[5] = "";

    if (key < 0x80)
        utf8[0] = (char)key;
    else if (key < 0x800)
        snprintf(utf8, sizeof(utf8), "%c%c", 0xc0 | key >> 6, 0x80 | (key & 63));
    else if (key < 0x10000)
        snprintf(utf8, sizeof(utf8), "%c%c%c", 0xe0 | key >> 12, 0x80 | (key >> 6 & 63), 0x80 | (key & 63));
    else
        snprintf(utf8, sizeof(utf8), "%c%c%c%c", 0xf0 | key >> 18, 0x80 | (key >> 12 & 63), 0x80 | (key >> 6 & 63),
                 0x80 | (key & 63));
    if (length + sizeof(utf8) <= sizeof(viewer->password))
        memcpy(viewer->password + length, utf8, sizeof(utf8));
}

static void viewer_password_erase(struct viewer *viewer)
{
    size_t length = strlen(viewer->password);

    while (length > 0 && ((unsigned char)viewer->password[length - 1] & 0xc0) == 0x80)
        viewer->password[--length] = '\0';
    if (length > 0)
        viewer->password[length - 1] = '\0';
}

static size_t viewer_password_characters(const struct viewer *viewer)
{
    size_t count = 0;

    for (const char *c = viewer->password; *c; c++)
        count += ((unsigned char)*c & 0xc0) != 0x80;
    return count;
}

static void viewer_password_end(struct viewer *viewer)
{
    explicit_bzero(viewer->password, sizeof(viewer->password));
    viewer->is_typing_password = false;
}

void viewer_password_ask(struct viewer_tab *tab, bool was_wrong)
{
    snprintf(tab->problem, sizeof(tab->problem), "%s: Enter to type it",
             was_wrong ? "that was not its password" : "it wants a password");
}

bool viewer_password_key(struct viewer *viewer, struct viewer_tab *tab, uint32_t key)
{
    static const char stars[] = "********************************";

    if (!tab->needs_password || viewer->mode != VIEWER_PAGE || (!viewer->is_typing_password && key != '\r'))
        return false;
    viewer_touch(viewer);
    if (!viewer->is_typing_password) {
        viewer->is_typing_password = true;
    } else if (key == '\r') {
        viewer_reopen(tab, viewer->password);
        viewer_password_end(viewer);
        return true;
    } else if (key == TERMINAL_KEY_ESCAPE || key == 3) {
        viewer_password_end(viewer);
        viewer_password_ask(tab, false);
        return true;
    } else if (key == 127) {
        viewer_password_erase(viewer);
    } else if (key >= ' ' && key < TERMINAL_KEY_UP) {
        viewer_password_append(viewer, key);
    }
    snprintf(tab->problem, sizeof(tab->problem), "password: %.*s_", (int)viewer_password_characters(viewer), stars);
    return true;
}
