#include "tests/fuzz/inbound/insight.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fd.h"
#include "common/frame_layout.h"
#include "tests/fuzz/inbound/fake_cell.h"
#include "tests/fuzz/require.h"

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
        insight->request_ids[insight->request_count++ % INSIGHT_REQUESTS] = envelope->request_id;
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

void insight_leave(struct insight *insight)
{
    channel_destroy(insight->channel);
    forget_frames(insight);
    memset(insight, 0, sizeof(*insight));
}

void insight_hear(struct insight *insight)
{
    const struct fake_renderer *renderer = fake_cell_youngest();
    struct channel_message message;

    if (renderer == NULL || renderer->channel < 0)
        return;
    if (insight->renderer_id != renderer->id) {
        insight_leave(insight);
        insight->renderer_id = renderer->id;
        require(channel_create(dup(renderer->channel), CHANNEL_RENDERER, NULL, &insight->channel) == 0);
    }
    while (channel_receive(insight->channel, &message) == CHANNEL_OK)
        take_message(insight, &message);
}

uint64_t insight_newest_request(const struct insight *insight)
{
    return insight->request_ids[(insight->request_count + INSIGHT_REQUESTS - 1) % INSIGHT_REQUESTS];
}
