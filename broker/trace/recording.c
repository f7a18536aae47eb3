#include "broker/trace/recording.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fd.h"

enum { BUFFER_BYTES = 256 * 1024 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "headers are written as they lie in memory");
_Static_assert(sizeof(struct recording_header) == 24, "no padding goes into the file");
_Static_assert(sizeof(struct recording_header) + CHANNEL_PACKET_BYTES <= BUFFER_BYTES, "every record fits the buffer");

struct recording {
    int fd;
    int error; // the first write error; nothing is written after it
    uint32_t peers;
    size_t used;
    unsigned char buffer[BUFFER_BYTES];
};

static void put(struct recording *recording, const void *bytes, size_t size_bytes)
{
    if (size_bytes > 0)
        memcpy(recording->buffer + recording->used, bytes, size_bytes);
    recording->used += size_bytes;
}

int recording_create(const char *path, struct recording **ret_recording)
{
    struct recording *recording = calloc(1, sizeof(*recording));
    struct stat status;
    int error = 0;

    if (recording == NULL)
        return -ENOMEM;
    recording->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
    /* A file that was there before keeps its mode otherwise. */
    if (recording->fd < 0 || fstat(recording->fd, &status) < 0 ||
        (S_ISREG(status.st_mode) && fchmod(recording->fd, 0600) < 0))
        error = -errno;
    if (error == 0) {
        put(recording, RECORDING_MAGIC, strlen(RECORDING_MAGIC));
        error = recording_flush(recording);
    }
    if (error < 0) {
        fd_close(&recording->fd);
        free(recording);
        return error;
    }
    *ret_recording = recording;
    return 0;
}

int recording_flush(struct recording *recording)
{
    if (recording->error == 0 && recording->used > 0)
        recording->error = fd_write_all(recording->fd, recording->buffer, recording->used);
    recording->used = 0;
    return recording->error;
}

int recording_close(struct recording *recording)
{
    if (recording == NULL)
        return 0;
    int error = recording_flush(recording);
    if (close(fd_steal(&recording->fd)) < 0 && error == 0)
        error = -errno;
    free(recording);
    return error;
}

uint32_t recording_new_peer(struct recording *recording)
{
    return ++recording->peers;
}

/* Room for a record, its header written; NULL if it is larger than any can be. */
static unsigned char *begin(struct recording *recording, uint32_t peer, pid_t pid, enum recording_kind kind,
                            size_t size_bytes)
{
    const struct recording_header header = {
        .at_ns = clock_now_ns(), .pid = pid, .peer = peer, .kind = kind, .size_bytes = (uint32_t)size_bytes};
    unsigned char *bytes;

    if (size_bytes > CHANNEL_PACKET_BYTES)
        return NULL;
    if (sizeof(header) + size_bytes > BUFFER_BYTES - recording->used)
        recording_flush(recording);
    put(recording, &header, sizeof(header));
    bytes = recording->buffer + recording->used;
    recording->used += size_bytes;
    return bytes;
}

void recording_add(struct recording *recording, uint32_t peer, pid_t pid, enum recording_kind kind, const void *bytes,
                   size_t size_bytes)
{
    unsigned char *out = begin(recording, peer, pid, kind, size_bytes);

    if (out != NULL && size_bytes > 0)
        memcpy(out, bytes, size_bytes);
}

void recording_add_sent(struct recording *recording, uint32_t peer, pid_t pid, const Bulkhead__ToRenderer *envelope)
{
    Bulkhead__ToRenderer copy = *envelope;
    Bulkhead__Navigate navigate;
    unsigned char *out;

    if (copy.message_case == BULKHEAD__TO_RENDERER__MESSAGE_NAVIGATE) {
        navigate = *copy.navigate;
        navigate.password = codec_bytes(NULL, 0);
        copy.navigate = &navigate;
    }
    out = begin(recording, peer, pid, RECORDING_TO_RENDERER, bulkhead__to_renderer__get_packed_size(&copy));
    if (out != NULL)
        bulkhead__to_renderer__pack(&copy, out);
}

int recording_next(const void *data, size_t size_bytes, size_t *at, struct recording_header *ret_header,
                   const uint8_t **ret_bytes)
{
    const size_t magic_bytes = strlen(RECORDING_MAGIC);

    if (*at == 0) {
        if (size_bytes < magic_bytes || memcmp(data, RECORDING_MAGIC, magic_bytes) != 0)
            return -EBADMSG;
        *at = magic_bytes;
    }
    if (size_bytes - *at < sizeof(*ret_header))
        return 0;
    memcpy(ret_header, (const uint8_t *)data + *at, sizeof(*ret_header));
    if (ret_header->kind >= RECORDING_KINDS || ret_header->size_bytes > CHANNEL_PACKET_BYTES)
        return -EBADMSG;
    if (ret_header->size_bytes > size_bytes - *at - sizeof(*ret_header))
        return 0;
    *ret_bytes = (const uint8_t *)data + *at + sizeof(*ret_header);
    *at += sizeof(*ret_header) + ret_header->size_bytes;
    return 1;
}
