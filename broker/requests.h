/* requests.h - what a renderer was asked and has not answered: ids, kinds, ages. Pure bookkeeping, no I/O.
 *
 * An answer must match an open request of the right kind; frames may also answer a paint that a later one superseded,
 * for they cross on the way. Ids grow and are never reused.
 */
#ifndef BULKHEAD_REQUESTS_H
#define BULKHEAD_REQUESTS_H

#include <stdbool.h>
#include <stdint.h>

enum { REQUESTS_OPEN = 32, REQUESTS_PAINTS = 64 };

struct request {
    uint64_t id;   // 0 = free slot
    unsigned type; // ToRenderer field number
    uint64_t sent_ms;
    uint32_t page;   // that it asks about; the answer must speak of it
    bool is_endless; // a scene: answered again and again
};

struct requests {
    uint64_t next_id;
    struct request open[REQUESTS_OPEN];
    struct {
        uint64_t id;
        uint32_t page;
    } paints[REQUESTS_PAINTS]; // the last ones, ring
    unsigned paint_count;
};

void requests_init(struct requests *requests);
/* A new id, or 0 when REQUESTS_OPEN are open. A paint or scroll closes the endless ones before it. */
uint64_t requests_open(struct requests *requests, unsigned type, bool is_endless, uint64_t now_ms);
/* NULL if no such request is open. */
struct request *requests_find(struct requests *requests, uint64_t id);
void requests_close(struct requests *requests, uint64_t id);
/* Notes which page an open request asks about. A scroll has the page of the paint before it, unasked. */
void requests_set_page(struct requests *requests, uint64_t id, uint32_t page);
/* Whether a frame may answer this id: a paint, or older than all paints that are remembered. */
bool requests_is_paint(const struct requests *requests, uint64_t id);
/* Of a paint or scroll that is remembered, open or not. */
bool requests_paint_page(const struct requests *requests, uint64_t id, uint32_t *ret_page);
/* When the oldest request that must end was asked; 0 when there is none. */
uint64_t requests_oldest_ms(const struct requests *requests);

#endif
