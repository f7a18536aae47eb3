#include "renderer/session_activity.h"

#include <string.h>

#include "common/limits.h"

_Static_assert(SESSION_ACTIVITY_RING <= (int)LIMIT_HANDLED, "one message takes the whole ring");

void session_activity_init(struct session_activity *activity)
{
    memset(activity, 0, sizeof(*activity));
    pthread_mutex_init(&activity->lock, NULL);
}

void session_activity_add(struct session_activity *activity, const struct session_activity_entry *entry)
{
    pthread_mutex_lock(&activity->lock);
    activity->ring[(activity->first + activity->count) % SESSION_ACTIVITY_RING] = *entry;
    if (activity->count < SESSION_ACTIVITY_RING)
        activity->count++;
    else
        activity->first = (activity->first + 1) % SESSION_ACTIVITY_RING;
    pthread_mutex_unlock(&activity->lock);
}

/* Empties the ring into ret_entries if it holds enough; returns how many. */
static size_t session_activity_drain(struct session_activity *activity, size_t minimum,
                                     struct session_activity_entry ret_entries[SESSION_ACTIVITY_RING])
{
    size_t count = 0;

    pthread_mutex_lock(&activity->lock);
    if (activity->count >= minimum) {
        count = activity->count;
        for (size_t i = 0; i < count; i++)
            ret_entries[i] = activity->ring[(activity->first + i) % SESSION_ACTIVITY_RING];
        activity->first = activity->count = 0;
    }
    pthread_mutex_unlock(&activity->lock);
    return count;
}

void session_activity_report(struct session_activity *activity, struct session_channel *channel, size_t minimum)
{
    struct session_activity_entry entries[SESSION_ACTIVITY_RING];
    Bulkhead__Handled storage[SESSION_ACTIVITY_RING], *list[SESSION_ACTIVITY_RING];
    Bulkhead__Activity message = BULKHEAD__ACTIVITY__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    size_t count = session_activity_drain(activity, minimum, entries);

    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct session_activity_entry *entry = &entries[i];

        bulkhead__handled__init(&storage[i]);
        storage[i].type = entry->type;
        storage[i].request_id = entry->request_id;
        storage[i].sent_ns = entry->sent_ns;
        storage[i].start_ns = entry->start_ns;
        storage[i].end_ns = entry->end_ns;
        if (entry->label)
            storage[i].label = codec_bytes(entry->label, strlen(entry->label));
        list[i] = &storage[i];
    }
    message.n_handled = count;
    message.handled = list;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_ACTIVITY;
    envelope.activity = &message;
    session_channel_queue(channel, &envelope);
}
