#include "broker/requests.h"

#include <stddef.h>
#include <string.h>

#include "to_renderer.pb-c.h"

void requests_init(struct requests *requests)
{
    *requests = (struct requests){.next_id = 1};
}

static bool is_painting(unsigned type)
{
    return type == BULKHEAD__TO_RENDERER__MESSAGE_PAINT || type == BULKHEAD__TO_RENDERER__MESSAGE_SCROLL;
}

static void close_endless(struct requests *requests)
{
    for (size_t i = 0; i < REQUESTS_OPEN; i++)
        if (requests->open[i].is_endless)
            requests->open[i] = (struct request){0};
}

static void note_paint(struct requests *requests, struct request *request)
{
    unsigned last = (requests->paint_count + REQUESTS_PAINTS - 1) % REQUESTS_PAINTS;
    unsigned next = requests->paint_count % REQUESTS_PAINTS;
    request->page = requests->paints[last].page;
    requests->paints[next].id = request->id;
    requests->paints[next].page = request->page;
    requests->paint_count++;
}

/* Where to look first, second, ... for a request of this id: it is nearly always where it is looked for first. */
static struct request *nth_slot(struct requests *requests, uint64_t id, size_t n)
{
    return &requests->open[(id + n) % REQUESTS_OPEN];
}

uint64_t requests_open(struct requests *requests, unsigned type, bool is_endless, uint64_t now_ms)
{
    if (is_painting(type))
        close_endless(requests);
    for (size_t i = 0; i < REQUESTS_OPEN; i++) {
        struct request *slot = nth_slot(requests, requests->next_id, i);
        if (slot->id != 0)
            continue;
        *slot = (struct request){.id = requests->next_id++, .type = type, .sent_ms = now_ms, .is_endless = is_endless};
        if (is_painting(type))
            note_paint(requests, slot);
        return slot->id;
    }
    return 0;
}

struct request *requests_find(struct requests *requests, uint64_t id)
{
    for (size_t i = 0; i < REQUESTS_OPEN && id != 0; i++)
        if (nth_slot(requests, id, i)->id == id)
            return nth_slot(requests, id, i);
    return NULL;
}

void requests_close(struct requests *requests, uint64_t id)
{
    struct request *request = requests_find(requests, id);
    if (request != NULL)
        *request = (struct request){0};
}

/* REQUESTS_PAINTS if there is none. */
static size_t find_paint(const struct requests *requests, uint64_t id)
{
    size_t i = 0;
    while (i < REQUESTS_PAINTS && (id == 0 || requests->paints[i].id != id))
        i++;
    return i;
}

void requests_set_page(struct requests *requests, uint64_t id, uint32_t page)
{
    struct request *request = requests_find(requests, id);
    size_t paint = request != NULL && !is_painting(request->type) ? REQUESTS_PAINTS : find_paint(requests, id);
    if (request != NULL)
        request->page = page;
    if (paint < REQUESTS_PAINTS)
        requests->paints[paint].page = page;
}

bool requests_is_paint(const struct requests *requests, uint64_t id)
{
    if (find_paint(requests, id) < REQUESTS_PAINTS)
        return true;
    /* A burst of paints longer than the ring may cross with a frame of the scene before it. */
    return id != 0 && requests->paint_count > REQUESTS_PAINTS &&
           id < requests->paints[requests->paint_count % REQUESTS_PAINTS].id;
}

bool requests_paint_page(const struct requests *requests, uint64_t id, uint32_t *ret_page)
{
    size_t paint = find_paint(requests, id);
    if (paint == REQUESTS_PAINTS)
        return false;
    *ret_page = requests->paints[paint].page;
    return true;
}

uint64_t requests_oldest_ms(const struct requests *requests)
{
    uint64_t oldest = 0;
    for (size_t i = 0; i < REQUESTS_OPEN; i++) {
        const struct request *request = &requests->open[i];
        if (request->id != 0 && !request->is_endless && (oldest == 0 || request->sent_ms < oldest))
            oldest = request->sent_ms;
    }
    return oldest;
}
