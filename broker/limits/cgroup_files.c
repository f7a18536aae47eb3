#include "broker/limits/cgroup_files.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"

enum { FILE_BYTES = 4096 };

int cgroup_file_write(int directory_fd, const char *path, const char *text)
{
    _fd_cleanup_ int fd = openat(directory_fd, path, O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    return fd_write_all(fd, text, strlen(text)); /* the kernel takes a value in one write or refuses it */
}

int cgroup_file_write_number(int directory_fd, const char *path, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRIu64, number);
    return cgroup_file_write(directory_fd, path, text);
}

int cgroup_file_read(int directory_fd, const char *path, char *out, size_t out_bytes)
{
    size_t used = 0;
    _fd_cleanup_ int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t got = read(fd, out + used, out_bytes - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
        if (used == out_bytes)
            return -EMSGSIZE;
    }
    if (used > 0 && out[used - 1] == '\n')
        used--;
    out[used] = '\0';
    return memchr(out, '\0', used) != NULL ? -EBADMSG : 0;
}

/* A number with nothing behind it but the end of its line. */
static int parse_number(const char *text, uint64_t *ret_number)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return -EBADMSG;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || (*end != '\0' && *end != '\n'))
        return -EBADMSG;
    *ret_number = number;
    return 0;
}

int cgroup_file_read_number(int directory_fd, const char *path, uint64_t *ret_number)
{
    char text[64];
    int error = cgroup_file_read(directory_fd, path, text, sizeof text);
    if (error < 0)
        return error;
    if (strcmp(text, "max") == 0) {
        *ret_number = CGROUP_UNLIMITED;
        return 0;
    }
    return strchr(text, '\n') != NULL ? -EBADMSG : parse_number(text, ret_number);
}

int cgroup_file_read_key(int directory_fd, const char *path, const char *key, uint64_t *ret_number)
{
    char text[FILE_BYTES] = "";
    size_t length = strlen(key);
    int error = cgroup_file_read(directory_fd, path, text, sizeof text);
    if (error < 0)
        return error;
    for (const char *line = text; *line != '\0';) {
        if (strncmp(line, key, length) == 0 && line[length] == ' ')
            return parse_number(line + length + 1, ret_number);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return -ENOENT;
}

bool cgroup_text_has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; *at != '\0';) {
        size_t this = strcspn(at, " \n");
        if (this == length && strncmp(at, word, length) == 0)
            return true;
        at += this;
        at += strspn(at, " \n");
    }
    return false;
}

int cgroup_file_each_pid(int directory_fd, const char *path, int (*fn)(pid_t pid, void *userdata), void *userdata)
{
    int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), result = 0;
    if (fd < 0)
        return -errno;
    FILE *file = fdopen(fd, "r");
    if (file == NULL) {
        result = -errno;
        fd_close(&fd);
        return result;
    }
    char line[64];
    while (result == 0 && fgets(line, sizeof line, file) != NULL) {
        uint64_t pid = 0;
        result = parse_number(line, &pid);
        if (result == 0)
            result = pid > INT32_MAX ? -EBADMSG : fn((pid_t)pid, userdata);
    }
    if (result == 0 && ferror(file))
        result = -EIO;
    fclose(file);
    return result;
}
