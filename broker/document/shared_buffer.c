#include "broker/document/shared_buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/document/sealed_memory.h"
#include "common/fd.h"
#include "common/sweep_layout.h"

static const struct {
    const char *page;
    Bulkhead__Navigate__SharedBuffer end;
} pages[] = {
    {"about:wave", BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER},
    {"about:scope", BULKHEAD__NAVIGATE__SHARED_BUFFER__READER},
};

void shared_buffer_init(struct shared_buffer *buffer)
{
    *buffer = (struct shared_buffer){.fd = -1};
}

void shared_buffer_fini(struct shared_buffer *buffer)
{
    fd_close(&buffer->fd);
}

Bulkhead__Navigate__SharedBuffer shared_buffer_end_of(const char *url)
{
    size_t length = strcspn(url, "?#");
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++)
        if (strlen(pages[i].page) == length && strncmp(pages[i].page, url, length) == 0)
            return pages[i].end;
    return BULKHEAD__NAVIGATE__SHARED_BUFFER__NONE;
}

static bool has_descriptor(Bulkhead__Navigate__SharedBuffer end)
{
    return end == BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER || end == BULKHEAD__NAVIGATE__SHARED_BUFFER__READER;
}

static int make(struct shared_buffer *buffer)
{
    _fd_cleanup_ int fd = -1;
    int error = sealed_memory_create("bulkhead-shared", SWEEP_RING_BYTES, &fd);
    if (error < 0)
        return error;
    /* Its own id may write only through what it was given: not by opening a reader's descriptor anew. */
    if (fchmod(fd, S_IRUSR) < 0)
        return -errno;
    buffer->fd = fd_steal(&fd);
    return 0;
}

/* Opened anew: what a descriptor may do is a matter of its opening, and a duplicate could write. There is no other way
 * than by /proc, and without it no reader. */
static int open_to_read(const struct shared_buffer *buffer)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", buffer->fd);
    int fd = open(link, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : -errno;
}

static int open_to_write(const struct shared_buffer *buffer)
{
    int fd = fcntl(buffer->fd, F_DUPFD_CLOEXEC, 3);
    return fd >= 0 ? fd : -errno;
}

int shared_buffer_hand_out(struct shared_buffer *buffer, Bulkhead__Navigate__SharedBuffer wanted, unsigned renderer_id,
                           Bulkhead__Navigate__SharedBuffer *ret_end, int *ret_fd)
{
    bool writes = wanted == BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER;
    bool is_taken = writes && buffer->writing_renderer != 0;
    int fd = -1;
    if (has_descriptor(wanted) && !is_taken) {
        int error = buffer->fd < 0 ? make(buffer) : 0;
        if (error < 0)
            return error;
        fd = writes ? open_to_write(buffer) : open_to_read(buffer);
        if (fd < 0)
            return fd;
        if (writes)
            buffer->writing_renderer = renderer_id;
    }
    *ret_end = is_taken ? BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN : wanted;
    *ret_fd = fd;
    return 0;
}

void shared_buffer_forget(struct shared_buffer *buffer, unsigned renderer_id)
{
    if (buffer->writing_renderer == renderer_id)
        buffer->writing_renderer = 0;
}
