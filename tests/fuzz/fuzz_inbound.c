/* fuzz_inbound.c - a script against the broker's inbound path: a real broker, tab, document and frame store, and a
 * renderer that does whatever the input says.
 *
 * The input is read as operations: messages put together field by field (with numbers that are right at this moment
 * among the choices, so that state is reached), raw packets, writes into frame memory and crash record, ends of all
 * kinds, and what a viewer does meanwhile. After each the loop turns. What must hold is checked all along: a renderer
 * ends once, a frame is what was asked for, only files beneath the document's directory are granted, nothing leaks.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "broker/broker.h"
#include "broker/tab.h"
#include "common/channel.h"
#include "common/clock.h"
#include "common/crash_record.h"
#include "common/fd.h"
#include "common/log.h"
#include "tests/fuzz/inbound/fake_cell.h"
#include "tests/support/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUESTS = 8, OPERATIONS = 64, FRAME_EDGE = 48, RENDERER_IDS = 64 };

struct script {
    const uint8_t *data;
    size_t size;
};

/* What the renderer's side knows at this moment, as an honest one would. */
struct insight {
    unsigned renderer_id;
    struct channel *channel; // reads what the broker sends
    uint64_t request_ids[REQUESTS];
    unsigned request_count;
    uint64_t paint_id, measure_id;
    uint32_t generation, width_px, height_px, page, measured_page, sequence;
    void *frames; // the frame memory, mapped
    size_t frames_bytes;
};

struct world {
    struct script script;
    struct broker *broker;
    struct document *document;
    struct tab *tab;
    struct insight insight;
    const struct frame *borrowed;
    uint64_t asked; // the tab's last request
    struct tab_view view;
    bool is_closed; // by its own listener, when the script wants that
    unsigned ends[RENDERER_IDS];
};

static void require_at(bool holds, int line)
{
    if (holds)
        return;
    fprintf(stderr, "%s:%d: does not hold\n", __FILE__, line);
    abort();
}
#define require(holds) require_at((holds), __LINE__)

static uint8_t take(struct script *script)
{
    if (script->size == 0)
        return 0;
    script->size--;
    return *script->data++;
}

static uint64_t take_number(struct script *script, unsigned bytes)
{
    uint64_t number = 0;

    while (bytes-- > 0)
        number = number << 8 | take(script);
    return number;
}

/* --- messages ------------------------------------------------------------------------------------------------------
 */

static uint64_t live_number(struct world *world)
{
    struct insight *insight = &world->insight;
    uint8_t choice = take(&world->script);
    const uint64_t live[] = {insight->page,
                             insight->generation,
                             insight->sequence + 1,
                             insight->sequence % 3,
                             insight->renderer_id,
                             insight->width_px,
                             insight->height_px,
                             PROTOCOL_VERSION,
                             1,
                             world->view.page,
                             world->asked,
                             clock_now_ns(),
                             0,
                             choice,
                             3,
                             UINT32_MAX};

    if (choice >= 0xc0)
        return insight->request_ids[choice % REQUESTS];
    return live[choice % (sizeof(live) / sizeof(live[0]))];
}

static uint64_t take_value(struct world *world)
{
    uint8_t kind = take(&world->script) % 8;

    return kind < 5 ? live_number(world) : take_number(&world->script, 1 + kind % 3 * 3);
}

static void put_bytes(struct world *world, struct wire *wire, unsigned number)
{
    static const char *const paths[] = {"style.css", "sub/inner.txt",    "../outside", "/etc/passwd", "link", "sub",
                                        ".",         "sub/../style.css", "PDF"};
    uint8_t choice = take(&world->script);
    uint8_t raw[64];
    size_t length = choice % sizeof(raw);

    if (choice < 0x80) {
        const char *path = paths[choice % (sizeof(paths) / sizeof(paths[0]))];
        wire_bytes(wire, number, path, strlen(path));
        return;
    }
    for (size_t i = 0; i < length; i++)
        raw[i] = take(&world->script);
    wire_bytes(wire, number, raw, length);
}

static void put_message(struct world *world, struct wire *wire, const ProtobufCMessageDescriptor *descriptor,
                        unsigned depth);

static void put_field(struct world *world, struct wire *wire, const ProtobufCFieldDescriptor *field, unsigned depth)
{
    uint32_t bits;
    float number;
    struct wire *inner;

    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(world, wire, field->id);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        bits = (uint32_t)take_number(&world->script, 4);
        memcpy(&number, &bits, sizeof(number));
        wire_float(wire, field->id, take(&world->script) & 1 ? number : 100.5f);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        inner = depth < CODEC_DEPTH ? calloc(1, sizeof(*inner)) : NULL;
        if (inner != NULL) {
            put_message(world, inner, field->descriptor, depth + 1);
            if (inner->size + 16 < sizeof(wire->bytes) - wire->size)
                wire_message(wire, field->id, inner);
            free(inner);
        }
        break;
    default:
        wire_uint(wire, field->id, take_value(world));
    }
}

/* Fields in ascending order, each left out, put in, or (repeated ones, or by way of damage) put in more than once. */
static void put_message(struct world *world, struct wire *wire, const ProtobufCMessageDescriptor *descriptor,
                        unsigned depth)
{
    for (unsigned i = 0; i < descriptor->n_fields && wire->size < 4096; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        uint8_t control = take(&world->script);
        unsigned times = field->label == PROTOBUF_C_LABEL_REPEATED ? control % 4 : control % 8 != 0;

        if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
            continue;
        while (times-- > 0)
            put_field(world, wire, field, depth);
    }
}

static void send_bytes(const void *data, size_t size)
{
    const struct fake_renderer *renderer = fake_cell_youngest();

    if (renderer != NULL && renderer->channel >= 0)
        (void)!send(renderer->channel, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void send_message(struct world *world)
{
    static struct wire message, frame;
    unsigned types[CODEC_TYPES];
    size_t count = codec_types(&codec_to_broker, types);
    unsigned type = types[take(&world->script) % count];
    uint8_t id = take(&world->script);

    message.size = frame.size = 0;
    if (id != 0)
        wire_uint(&message, 1, id < 0x40 ? live_number(world) : world->insight.request_ids[id % REQUESTS]);
    if (take(&world->script) & 1)
        wire_uint(&message, 2, clock_now_ns());
    put_field(world, &message, protobuf_c_message_descriptor_get_field(codec_to_broker.descriptor, type), 1);
    wire_frame(&frame, &message);
    send_bytes(frame.bytes, frame.size);
    if (type == BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY)
        world->insight.sequence++;
}

static void send_envelope(uint64_t request_id, unsigned type, const struct wire *inner)
{
    static struct wire message, frame;

    message.size = frame.size = 0;
    if (request_id != 0)
        wire_uint(&message, 1, request_id);
    wire_message(&message, type, inner);
    wire_frame(&frame, &message);
    send_bytes(frame.bytes, frame.size);
}

/* The value, or what the script wants in its place: one field in four. */
static void put_honest(struct world *world, struct wire *wire, unsigned number, uint64_t value)
{
    uint8_t control = take(&world->script);

    if (control % 4 == 3)
        value = control < 0x80 ? take(&world->script) : take_value(world);
    if (value != 0) /* proto3 does not send zeros */
        wire_uint(wire, number, value);
}

/* What an honest renderer would answer now, but for a field or two. */
static void answer_almost_honestly(struct world *world)
{
    static struct wire inner;
    struct insight *insight = &world->insight;

    inner.size = 0;
    if (take(&world->script) % 4 == 0) {
        put_honest(world, &inner, 1, insight->measured_page);
        wire_float(&inner, 4, 100);
        wire_float(&inner, 5, 100);
        send_envelope(insight->measure_id, BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO, &inner);
        return;
    }
    put_honest(world, &inner, 1, insight->generation);
    put_honest(world, &inner, 2, insight->sequence % FRAME_BUFFERS);
    put_honest(world, &inner, 3, insight->sequence + 1);
    put_honest(world, &inner, 4, insight->page);
    send_envelope(insight->paint_id, BULKHEAD__TO_BROKER__MESSAGE_FRAME_READY, &inner);
    insight->sequence++;
}

static void send_raw(struct world *world)
{
    uint8_t packet[128];
    size_t length = take(&world->script) % sizeof(packet);

    for (size_t i = 0; i < length; i++)
        packet[i] = take(&world->script);
    send_bytes(packet, length);
}

/* --- the renderer's side -------------------------------------------------------------------------------------------
 */

static void forget_frames(struct insight *insight)
{
    if (insight->frames != NULL)
        munmap(insight->frames, insight->frames_bytes);
    insight->frames = NULL;
}

static void take_resize(struct insight *insight, struct channel_message *message)
{
    const Bulkhead__Resize *resize = message->to_renderer->resize;
    struct frame_geometry geometry = {resize->width_px, resize->height_px, resize->stride_bytes, resize->buffer_count};
    _fd_cleanup_ int fd = channel_message_take_fd(message, 0);

    require(frame_geometry_is_valid(&geometry));
    forget_frames(insight);
    insight->frames_bytes = frame_memory_bytes(&geometry);
    insight->frames = mmap(NULL, insight->frames_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    require(insight->frames != MAP_FAILED);
    require(ftruncate(fd, 0) < 0); /* sealed before it was shared */
    insight->generation = resize->generation;
    insight->width_px = resize->width_px;
    insight->height_px = resize->height_px;
}

static void take_message(struct insight *insight, struct channel_message *message)
{
    const Bulkhead__ToRenderer *envelope = message->to_renderer;

    if (envelope->request_id != 0)
        insight->request_ids[insight->request_count++ % REQUESTS] = envelope->request_id;
    if (envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_RESIZE && message->n_fds == 1)
        take_resize(insight, message);
    if (envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PAINT)
        insight->page = envelope->paint->page;
    if (envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_PAINT ||
        envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_SCROLL)
        insight->paint_id = envelope->request_id;
    if (envelope->message_case == BULKHEAD__TO_RENDERER__MESSAGE_MEASURE) {
        insight->measured_page = envelope->measure->page;
        insight->measure_id = envelope->request_id;
    }
}

static void leave_renderer(struct insight *insight)
{
    channel_destroy(insight->channel);
    forget_frames(insight);
    memset(insight, 0, sizeof(*insight));
}

/* Reads what the broker has sent to the youngest renderer. */
static void hear(struct world *world)
{
    struct insight *insight = &world->insight;
    const struct fake_renderer *renderer = fake_cell_youngest();
    struct channel_message message;

    if (renderer == NULL || renderer->channel < 0)
        return;
    if (insight->renderer_id != renderer->id) {
        leave_renderer(insight);
        insight->renderer_id = renderer->id;
        require(channel_create(dup(renderer->channel), CHANNEL_RENDERER, NULL, &insight->channel) == 0);
    }
    while (channel_receive(insight->channel, &message) == CHANNEL_OK)
        take_message(insight, &message);
}

static void scribble(struct world *world, void *memory, size_t bytes)
{
    size_t at = take_number(&world->script, 2), length = take(&world->script) % 32;

    for (size_t i = 0; memory != NULL && i < length && at + i < bytes; i++)
        ((uint8_t *)memory)[at + i] = take(&world->script);
}

/* A record that is complete, so that what is in it counts. */
static void write_record(struct world *world)
{
    const struct fake_renderer *renderer = fake_cell_youngest();
    struct crash_record *record = renderer != NULL ? renderer->record : NULL;

    if (record == NULL)
        return;
    record->version = CRASH_RECORD_VERSION;
    record->kind = take(&world->script) % 6;
    record->signal = take(&world->script);
    record->code = (int8_t)take(&world->script);
    record->syscall_number = (int32_t)take_number(&world->script, 2);
    record->frame_count = take(&world->script);
    record->register_count = take(&world->script);
    record->code_count = take(&world->script);
    record->stack_count = (uint32_t)take_number(&world->script, 2);
    record->requested_bytes = take_number(&world->script, 8);
    record->magic = CRASH_RECORD_MAGIC;
}

static void end_renderer(struct world *world)
{
    static const int signals[] = {SIGKILL, SIGSEGV, SIGABRT, SIGSYS, SIGTERM, SIGBUS, SIGUSR2, SIGXCPU};
    struct fake_renderer *renderer = fake_cell_youngest();
    uint8_t choice = take(&world->script);

    if (renderer == NULL)
        return;
    if (choice & 0x80)
        fd_close(&renderer->channel);
    if (choice & 0x40)
        fd_close(&renderer->stdout_write);
    if ((choice & 0x20) == 0 && renderer->pidfd >= 0)
        syscall(SYS_pidfd_send_signal, renderer->pidfd, signals[choice % 8], NULL, 0);
    if (renderer->channel < 0 && world->insight.renderer_id == renderer->id)
        leave_renderer(&world->insight);
}

static void write_log(struct world *world)
{
    struct fake_renderer *renderer = fake_cell_youngest();
    uint8_t text[32];
    size_t length = take(&world->script) % sizeof(text);

    for (size_t i = 0; i < length; i++)
        text[i] = take(&world->script);
    if (renderer != NULL && renderer->stdout_write >= 0)
        (void)!write(renderer->stdout_write, text, length);
}

/* --- the viewer's side ---------------------------------------------------------------------------------------------
 */

static void give_back(struct world *world)
{
    if (world->borrowed != NULL)
        tab_return_frame(world->tab, world->borrowed);
    world->borrowed = NULL;
}

static void copy_frame(struct world *world, const struct frame *frame)
{
    static uint8_t pixels[FRAME_EDGE * FRAME_EDGE * FRAME_BYTES_PER_PIXEL];

    require(frame->geometry.width_px <= FRAME_EDGE && frame->geometry.height_px <= FRAME_EDGE);
    frame_copy(frame, tab_frames(world->tab), pixels, frame->geometry.width_px * FRAME_BYTES_PER_PIXEL);
}

static void paint(struct world *world)
{
    int error = 0;

    world->view = (struct tab_view){.page = take(&world->script) % 4,
                                    .width_px = 1 + take(&world->script) % FRAME_EDGE,
                                    .height_px = 1 + take(&world->script) % FRAME_EDGE,
                                    .scale_x = 1,
                                    .scale_y = 1,
                                    .frames_per_second = take(&world->script) % 2 * 60};
    world->asked = tab_paint(world->tab, &world->view, &error);
}

static void act(struct world *world)
{
    Bulkhead__Input input = BULKHEAD__INPUT__INIT;

    switch (take(&world->script) % 9) {
    case 0:
        paint(world);
        break;
    case 1:
        world->asked = tab_measure(world->tab, take(&world->script) % 4);
        break;
    case 2:
        tab_scroll(world->tab, (int8_t)take(&world->script), (int8_t)take(&world->script));
        break;
    case 3:
        tab_cancel(world->tab, world->asked);
        break;
    case 4:
        give_back(world);
        fake_cell_next_birth(take(&world->script) % 3);
        tab_reload(world->tab, take(&world->script) & 1);
        break;
    case 5:
        if (world->borrowed == NULL)
            world->borrowed = tab_borrow_frame(world->tab);
        break;
    case 6:
        give_back(world);
        break;
    case 7:
        if (tab_frame(world->tab) != NULL)
            copy_frame(world, tab_frame(world->tab));
        break;
    default:
        tab_input(world->tab, &input);
    }
}

static void on_frame(struct tab *tab, const struct frame *frame, void *userdata)
{
    struct world *world = userdata;

    require(frame == tab_frame(tab) && frame->buffer < FRAME_BUFFERS);
    require(frame_geometry_is_valid(&frame->geometry));
    require(frame->damage_count <= LIMIT_DAMAGE_RECTS);
    for (uint32_t i = 0; i < frame->damage_count; i++) {
        require(frame->damage[i].x_px + (uint64_t)frame->damage[i].width_px <= frame->geometry.width_px);
        require(frame->damage[i].y_px + (uint64_t)frame->damage[i].height_px <= frame->geometry.height_px);
    }
    copy_frame(world, frame);
}

static void on_info(struct tab *tab, const struct tab_info *info, void *userdata)
{
    (void)tab;
    (void)userdata;
    require(info->page_count > 0 && info->page_count <= LIMIT_PAGES);
    require(strlen(info->title) < sizeof(info->title) && strchr(info->title, 0x1b) == NULL);
}

static void on_end(struct tab *tab, const struct exit_report *report, void *userdata)
{
    struct world *world = userdata;

    (void)tab;
    require(report->cause < EXIT_CAUSE_COUNT && report->summary[0] != '\0');
    require(report->renderer_id < RENDERER_IDS && world->ends[report->renderer_id]++ == 0);
    require((report->kill_reason == KILL_BAD_MESSAGE) == (report->violation != VIOLATION_NONE));
    give_back(world);
}

static void turn(struct world *world)
{
    for (int i = 0; i < 3; i++)
        require(loop_run_once(broker_loop(world->broker), 0) == 0);
    hear(world);
}

static void operate(struct world *world)
{
    const struct fake_renderer *renderer = fake_cell_youngest();

    switch (take(&world->script) % 16) {
    case 5:
    case 6:
    case 7:
        answer_almost_honestly(world);
        break;
    case 8:
        send_raw(world);
        break;
    case 9:
        scribble(world, world->insight.frames, world->insight.frames_bytes);
        break;
    case 10:
        scribble(world, renderer != NULL ? renderer->record : NULL, CRASH_RECORD_BYTES);
        break;
    case 11:
        write_record(world);
        break;
    case 12:
        end_renderer(world);
        break;
    case 13:
        write_log(world);
        break;
    case 14:
    case 15:
        act(world);
        break;
    default:
        send_message(world);
    }
    turn(world);
}

/* An honest hello and document, so that most scripts begin where it gets interesting; the first byte says whether. */
static void begin_honestly(struct world *world)
{
    static struct wire inner;

    inner.size = 0;
    wire_uint(&inner, 1, PROTOCOL_VERSION);
    wire_uint(&inner, 2, world->insight.renderer_id);
    send_envelope(0, BULKHEAD__TO_BROKER__MESSAGE_HELLO, &inner);
    turn(world);
    inner.size = 0;
    wire_bytes(&inner, 1, "PDF", 3);
    wire_uint(&inner, 2, 4);
    send_envelope(world->insight.request_ids[(world->insight.request_count + REQUESTS - 1) % REQUESTS],
                  BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO, &inner);
    turn(world);
    paint(world);
    turn(world);
}

/* --- the surroundings ----------------------------------------------------------------------------------------------
 */

static void write_file(const char *directory, const char *name)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    _fd_cleanup_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    require(fd >= 0 && fd_write_all(fd, "text", 4) == 0);
}

static char directory[64]; // made once, for all inputs; the document lies in "in"

static void remove_directory(void)
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

static void make_directory(void)
{
    char path[256];

    snprintf(directory, sizeof(directory), "/tmp/bulkhead-fuzz-XXXXXX");
    require(mkdtemp(directory) != NULL);
    atexit(remove_directory);
    snprintf(path, sizeof(path), "%s/in", directory);
    require(mkdir(path, 0700) == 0);
    snprintf(path, sizeof(path), "%s/in/sub", directory);
    require(mkdir(path, 0700) == 0);
    write_file(directory, "in/document");
    write_file(directory, "in/style.css");
    write_file(directory, "in/sub/inner.txt");
    write_file(directory, "outside");
    snprintf(path, sizeof(path), "%s/in/link", directory);
    require(symlink("../outside", path) == 0);
}

static void check_grants(const struct document *document)
{
    size_t count;
    const struct document_grant *grants = document_grants(document, &count);

    for (size_t i = 0; i < count; i++) {
        const char *path = grants[i].path;
        size_t length = strlen(path);
        if (grants[i].status != BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED)
            continue;
        /* However it was spelled: one of the two files there are, and the document itself. */
        require((length >= 9 && strcmp(path + length - 9, "style.css") == 0) ||
                (length >= 9 && strcmp(path + length - 9, "inner.txt") == 0) ||
                (length >= 8 && strcmp(path + length - 8, "document") == 0));
    }
}

static void open_world(struct world *world)
{
    static const struct tab_listener listener = {.info = on_info, .frame = on_frame, .ended = on_end};
    /* Crash reports are gathered like any other, and then find no place to go: nobody makes a directory there. */
    const struct broker_options options = {.allow_crash_tests = true, .crash_directory = "/proc/self/crashes"};
    const struct tab_options tab_options = {0};
    char path[256];

    snprintf(path, sizeof(path), "%s/in/document", directory);
    require(broker_create(&options, NULL, NULL, &world->broker) == 0);
    require(document_open(path, &world->document) == DOCUMENT_OK);
    fake_cell_next_birth(take(&world->script) % 16 == 0 ? FAKE_BIRTH_EXITS : FAKE_BIRTH_LIVES);
    require(tab_open(world->broker, world->document, &tab_options, &listener, world, &world->tab) == 0);
    turn(world);
}

static void close_world(struct world *world)
{
    give_back(world);
    tab_close(world->tab);
    check_grants(world->document);
    document_unref(world->document);
    leave_renderer(&world->insight);
    broker_destroy(world->broker);
    require(fake_cell_all_reaped()); /* nobody is left, not even as a zombie */
    fake_cell_forget();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct rlimit no_core = {0, 0};
    struct world world = {.script = {data, size}};

    if (directory[0] == '\0') {
        make_directory();
        setrlimit(RLIMIT_CORE, &no_core);
        log_set_level(LOG_NONE);
    }
    int open_fds = fd_count_open();
    open_world(&world);
    if (take(&world.script) % 8 != 0)
        begin_honestly(&world);
    for (int i = 0; i < OPERATIONS && world.script.size > 0; i++)
        operate(&world);
    close_world(&world);
    require(fd_count_open() == open_fds);
    return 0;
}
