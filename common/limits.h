/* limits.h - every number both sides must agree on, each with its reason.
 *
 * Only constants. A limit that one side alone enforces lives beside the code that enforces it.
 */
#ifndef BULKHEAD_LIMITS_H
#define BULKHEAD_LIMITS_H

enum {
    PROTOCOL_VERSION = 1,

    /* The channel. A packet carries as many frames of [u32 length][protobuf] as fit. Measured, messages of 1 KB one way
     * (tests/bench/bench_channel.c): 1.65 million a second in packets of 64 KB, 1.42 million of 32 KB; at 128 KB the
     * socket's buffer holds but one, and the two sides wait for each other. */
    CHANNEL_PACKET_SOFT_BYTES = 64 * 1024,
    /* One message may be larger than the soft size (a hello with its modules), never larger than this. Below the
     * 212,960 bytes at which the kernel's default send buffer refuses a packet. */
    CHANNEL_PACKET_BYTES = 128 * 1024,
    CHANNEL_MESSAGE_BYTES = CHANNEL_PACKET_BYTES - 8,
    /* Queued towards a peer that does not read. A renderer's inbox holds pings, releases and paints: a few KB. */
    CHANNEL_QUEUE_BYTES = 1024 * 1024,
    CHANNEL_QUEUE_FDS = 16,
    CHANNEL_MESSAGE_FDS = 5,
    /* Handled from one peer in one wake-up before the others get their turn. */
    CHANNEL_TURN_MESSAGES = 64,

    /* The codec. */
    CODEC_DEPTH = 4,
    CODEC_REPEATED = 256,
    CODEC_TYPES = 64, /* field numbers of the oneofs are below this */

    /* Text in messages. */
    LIMIT_PATH_BYTES = 1024, /* OpenFile.path */
    LIMIT_URL_BYTES = 4096,
    LIMIT_TITLE_BYTES = 1024,
    LIMIT_LOG_TEXT_BYTES = 2048,
    LIMIT_DETAIL_BYTES = 512, /* Error.detail, Warning.detail, LayerFact.evidence */
    LIMIT_DAMAGE_RECTS = 16,
    LIMIT_HANDLED = 128, /* per Activity */
    LIMIT_MODULES = 64,
    LIMIT_WARNINGS = 16, /* per answer: a broken document complains of every object */

    /* Tasks one renderer may have at once: it needs two, an engine might use a few more threads. */
    LIMIT_RENDERER_TASKS = 8,

    /* Frames. The area is what costs: 256 Mpx is 768 MB a buffer. The edge keeps products within 64 bits by far; long
     * strips (a 43,342 x 143 GIF is in the corpus) are fine. libpng itself takes a million. */
    FRAME_EDGE_PX = 200 * 1000,
    FRAME_AREA_PX = 256 * 1000 * 1000,
    FRAME_BUFFERS = 3,

    /* A document's pages: more is a lie or an attack on the broker's tables. */
    LIMIT_PAGES = 1000 * 1000,
};

#endif
