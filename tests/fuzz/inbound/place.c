#include "tests/fuzz/inbound/place.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/fuzz/require.h"

/* A fuzz target has no argument that could carry this. */
static char directory[64], document_path[96];

static void write_file(const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    _fd_cleanup_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && fd_write_all(fd, "text", 4) == 0);
}

static void remove_all(void)
{
    static const char *const files[] = {"in/document", "in/style.css", "in/link", "in/sub/inner.txt", "outside"};
    static const char *const directories[] = {"in/sub", "in", ""};
    char path[256];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, files[i]);
        unlink(path);
    }
    for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, directories[i]);
        rmdir(path);
    }
}

static void make_all(void)
{
    char path[256];

    snprintf(directory, sizeof(directory), "/tmp/bulkhead-fuzz-XXXXXX");
    require(mkdtemp(directory) != NULL);
    atexit(remove_all);
    snprintf(path, sizeof(path), "%s/in", directory);
    require(mkdir(path, 0700) == 0);
    snprintf(path, sizeof(path), "%s/in/sub", directory);
    require(mkdir(path, 0700) == 0);
    write_file("in/document");
    write_file("in/style.css");
    write_file("in/sub/inner.txt");
    write_file("outside");
    snprintf(path, sizeof(path), "%s/in/link", directory);
    require(symlink("../outside", path) == 0);
}

const char *place_document(void)
{
    if (directory[0] == '\0') {
        make_all();
        snprintf(document_path, sizeof(document_path), "%s/in/document", directory);
    }
    return document_path;
}

/* However it was spelled: one of the two files there are, or the document itself. */
static bool may_be_had(const char *path)
{
    static const char *const names[] = {"style.css", "inner.txt", "document"};
    size_t length = strlen(path);

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (length >= strlen(names[i]) && strcmp(path + length - strlen(names[i]), names[i]) == 0)
            return true;
    return false;
}

void place_check_grants(const struct document *document, unsigned *ret_granted, unsigned *ret_refused)
{
    size_t count;
    const struct document_grant *grants = document_grants(document, &count);

    *ret_granted = *ret_refused = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_granted = grants[i].status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED;
        require(!is_granted || may_be_had(grants[i].path));
        *(is_granted ? ret_granted : ret_refused) += 1;
    }
}
