/* broker_private.h - what tabs and renderers may reach inside the broker; programs do not include this. */
#ifndef BULKHEAD_BROKER_PRIVATE_H
#define BULKHEAD_BROKER_PRIVATE_H

#include "broker/broker.h"
#include "broker/document/quarantine.h"
#include "broker/document/shared_buffer.h"
#include "broker/limits/cgroup.h"
#include "broker/limits/oom.h"
#include "broker/renderer_pool.h"

struct renderer_pool *broker_pool(struct broker *broker);
struct quarantine *broker_quarantine(struct broker *broker);
struct shared_buffer *broker_shared_buffer(struct broker *broker);
/* Where renderers get their cgroups; NULL where they get none. */
struct cgroup *broker_cgroup(struct broker *broker);
struct oom_watch *broker_oom_watch(struct broker *broker);
/* Looks at what the broker itself sees to, and notes it with the renderer's layers. */
void broker_note_layers(const struct broker *broker, struct renderer *renderer);
/* One line for people: the listener's event callback. */
void broker_say(struct broker *broker, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
