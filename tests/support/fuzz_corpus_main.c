/* fuzz_corpus_main.c - writes the seeds of the fuzz targets: `make fuzz-corpus`.
 *
 * One honest message of every type, small, and for the channel packets of them: alone, coalesced, and each kind of
 * damage that the fuzzer would take long to find; the scripts of tests/fuzz/inbound/seeds.h; a crash report with all
 * that can be in one. Further files in the corpus were found by the fuzzer, and the reports are of real crashes.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fd.h"
#include "tests/fuzz/inbound/seeds.h"
#include "tests/support/crash_report_seed.h"
#include "tests/support/wire.h"

static void write_seed(const char *directory, const char *target, const char *name, const struct wire *wire)
{
    char path[4096];
    _fd_cleanup_ int fd = -1;

    snprintf(path, sizeof(path), "%s/%s/%s", directory, target, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || fd_write_all(fd, wire->bytes, wire->size) < 0) {
        perror(path);
        exit(1);
    }
}

/* Appends a packet as fuzz_channel.c reads it. */
static void add_packet(struct wire *seed, const struct wire *packet, bool with_fd)
{
    unsigned head = (unsigned)packet->size | (with_fd ? 0x8000u : 0);
    const unsigned char bytes[2] = {(unsigned char)head, (unsigned char)(head >> 8)};

    wire_raw(seed, bytes, sizeof(bytes));
    wire_raw(seed, packet->bytes, packet->size);
}

static void write_messages(const char *directory, const struct codec *codec)
{
    static struct wire message;
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(codec, types);

    for (size_t i = 0; i < count; i++) {
        char name[128];

        message.size = 0;
        wire_sample(&message, codec, types[i], 2, 3);
        snprintf(name, sizeof(name), "%s-%s", codec->name, codec_type_name(codec, types[i]));
        write_seed(directory, "codec", name, &message);
    }
}

static void write_damaged_messages(const char *directory)
{
    static struct wire message, inner;

    wire_uint(&message, 1, 1);
    write_seed(directory, "codec", "no-message", &message);
    wire_message(&message, 17, &inner);
    wire_message(&message, 21, &inner);
    write_seed(directory, "codec", "two-members", &message);
    message.size = 0;
    wire_key(&inner, 1, WIRE_VARINT);
    wire_raw(&inner, "\x80\x80\x00", 3);
    wire_message(&message, 17, &inner);
    write_seed(directory, "codec", "overlong-varint", &message);
}

static void write_packets(const char *directory)
{
    static struct wire seed, packet, message;
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(&codec_to_broker, types);

    /* Every message in a packet of its own, then all of them in one. */
    for (size_t i = 0; i < count; i++) {
        message.size = packet.size = 0;
        wire_sample(&message, &codec_to_broker, types[i], 1, 2);
        wire_frame(&packet, &message);
        add_packet(&seed, &packet, false);
    }
    write_seed(directory, "channel", "one-by-one", &seed);
    packet.size = seed.size = 0;
    for (size_t i = 0; i < count; i++) {
        message.size = 0;
        wire_sample(&message, &codec_to_broker, types[i], 1, 2);
        wire_frame(&packet, &message);
    }
    add_packet(&seed, &packet, false);
    write_seed(directory, "channel", "coalesced", &seed);
    packet.size--;
    seed.size = 0;
    add_packet(&seed, &packet, false);
    write_seed(directory, "channel", "cut-short", &seed);
}

static void write_damaged_packets(const char *directory)
{
    static struct wire seed, packet, message;
    static const unsigned char huge[4] = {0xff, 0xff, 0xff, 0x7f};

    wire_sample(&message, &codec_to_broker, 17, 1, 1);
    wire_frame(&packet, &message);
    add_packet(&seed, &packet, true);
    write_seed(directory, "channel", "with-fd", &seed);
    packet.size = seed.size = 0;
    add_packet(&seed, &packet, false);
    write_seed(directory, "channel", "empty-packet", &seed);
    seed.size = 0;
    wire_raw(&packet, huge, sizeof(huge));
    add_packet(&seed, &packet, false);
    write_seed(directory, "channel", "huge-length", &seed);
}

static void write_scripts(const char *directory)
{
    static struct wire seed;
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(&codec_to_broker, types);
    const struct seeds_entry *entry;

    for (size_t i = 0; (entry = seeds_at(i)) != NULL; i++) {
        seed.size = 0;
        entry->put(&seed);
        write_seed(directory, "inbound", entry->name, &seed);
    }
    for (size_t i = 0; i < count; i++) {
        char name[128];

        seed.size = 0;
        seeds_put_message(&seed, types[i]);
        snprintf(name, sizeof(name), "says-%s", codec_type_name(&codec_to_broker, types[i]));
        write_seed(directory, "inbound", name, &seed);
    }
}

static void write_report(const char *directory)
{
    static struct wire seed;
    char *text = crash_report_seed();

    if (text == NULL) {
        fputs("no memory for a crash report\n", stderr);
        exit(1);
    }
    wire_raw(&seed, text, strlen(text));
    write_seed(directory, "crash_report", "everything", &seed);
    free(text);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 2;
    }
    write_messages(argv[1], &codec_to_renderer);
    write_messages(argv[1], &codec_to_broker);
    write_damaged_messages(argv[1]);
    write_packets(argv[1]);
    write_damaged_packets(argv[1]);
    write_scripts(argv[1]);
    write_report(argv[1]);
    return 0;
}
