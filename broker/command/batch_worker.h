/* batch_worker.h - one renderer at work on one file. For batch.c and batch_worker.c only. */
#ifndef BULKHEAD_BATCH_WORKER_H
#define BULKHEAD_BATCH_WORKER_H

#include "broker/command/batch_private.h"

enum batch_worker_state {
    WORKER_OPENING,
    WORKER_NAMING, /* open; another input chooses its names first */
    WORKER_MEASURING,
    WORKER_PAINTING,
    WORKER_WAITING,  /* for an encoder to give a frame back */
    WORKER_FINISHED, /* to be collected once no frame is lent */
};

struct batch_worker {
    struct batch_worker *next; // batch::workers
    struct batch *batch;
    struct batch_file *file;
    struct tab *tab; // NULL if it could not be opened
    enum batch_worker_state state;
    struct batch_page *page; // being measured or painted
    uint64_t request_id;
    float scale;
    unsigned lent; // frames with encoders
    bool is_first; // of its file
};

/* 0, or -errno with the worker finished already: it is collected like any other. */
int batch_worker_start(struct batch *batch, struct batch_file *file);
/* Whether a worker that waits for its file's names can go on is looked at again. */
void batch_worker_name(struct batch_worker *worker);
/* A worker that paints finishes its page; others are finished now. */
void batch_worker_stop(struct batch_worker *worker);
/* Closes the tab, unlinks and frees. No frame may be lent. */
void batch_worker_destroy(struct batch_worker *worker);
/* encode_done_fn */
void batch_worker_encoded(void *userdata, const struct encode_result *result);

#endif
