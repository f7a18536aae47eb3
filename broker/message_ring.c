#include "broker/message_ring.h"

static struct message_ring_entry *newest(struct message_ring_way *way)
{
    return way->count > 0 ? &way->entries[(way->next + MESSAGE_RING_ENTRIES - 1) % MESSAGE_RING_ENTRIES] : NULL;
}

static bool are_alike(const struct message_ring_entry *a, const struct message_ring_entry *b)
{
    return a->type == b->type && a->request_id == b->request_id && a->violation == b->violation;
}

void message_ring_add(struct message_ring *ring, const struct message_ring_entry *entry)
{
    struct message_ring_way *way = &ring->ways[entry->is_upward];
    struct message_ring_entry *last = newest(way);
    uint64_t before = 0;

    if (last != NULL && are_alike(last, entry)) {
        before = last->count;
    } else {
        last = &way->entries[way->next];
        way->next = (way->next + 1) % MESSAGE_RING_ENTRIES;
        way->count += way->count < MESSAGE_RING_ENTRIES;
    }
    *last = *entry;
    last->count = before + 1;
}

/* Of messages alike in a row only the last was refused: it gets an entry of its own. */
void message_ring_refuse(struct message_ring *ring, enum violation violation, bool is_unread, uint64_t now_ns)
{
    struct message_ring_entry refused = {.is_upward = true, .violation = violation, .at_ns = now_ns};
    struct message_ring_entry *last = is_unread ? NULL : newest(&ring->ways[true]);

    if (last != NULL && last->count == 1) {
        last->violation = violation;
        return;
    }
    if (last != NULL) {
        refused = *last;
        refused.violation = violation;
        last->count--;
    }
    message_ring_add(ring, &refused);
}

static const struct message_ring_entry *oldest_but(const struct message_ring_way *way, size_t taken)
{
    size_t first = (way->next + MESSAGE_RING_ENTRIES - way->count) % MESSAGE_RING_ENTRIES;

    return taken < way->count ? &way->entries[(first + taken) % MESSAGE_RING_ENTRIES] : NULL;
}

size_t message_ring_list(const struct message_ring *ring, struct message_ring_entry ret_entries[MESSAGE_RING_LISTED])
{
    size_t taken[MESSAGE_RING_WAYS] = {0}, count = 0;

    for (;;) {
        const struct message_ring_entry *down = oldest_but(&ring->ways[false], taken[false]);
        const struct message_ring_entry *up = oldest_but(&ring->ways[true], taken[true]);
        if (down == NULL && up == NULL)
            return count;
        bool is_upward = down == NULL || (up != NULL && up->at_ns < down->at_ns);
        ret_entries[count++] = is_upward ? *up : *down;
        taken[is_upward]++;
    }
}
