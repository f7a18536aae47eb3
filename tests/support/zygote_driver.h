/* zygote_driver.h - plays the broker's part towards a real zygote: starts it, hears its hello, asks for renderers. */
#ifndef BULKHEAD_TESTS_ZYGOTE_DRIVER_H
#define BULKHEAD_TESTS_ZYGOTE_DRIVER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/channel.h"
#include "common/crash_record.h"
#include "renderer/cell/cell.h"

/* A zygote is started with one descriptor open that is none of its business. */
enum { DRIVER_DEADLINE_MS = 20000, DRIVER_STRAY_FD = 7 };

struct driver_hello {
    bool attempted[CELL_LAYERS], in_force[CELL_LAYERS];
    int error[CELL_LAYERS];
    char evidence[CELL_LAYERS][CELL_EVIDENCE_BYTES];
    unsigned renderer_id, modules;
    pid_t init_pid;
    char first_module[256];
};

struct zygote_driver {
    struct channel *channel;
    pid_t pid;
    struct driver_hello hello;
};

struct renderer_driver {
    struct channel *channel;
    pid_t pid;
    unsigned id;
    struct crash_record *record; // mapped, shared
    int log_fd;                  // reading end of its stdout and stderr
    struct driver_hello hello;
    uint64_t forked_ns, hello_ns;
};

/* $BULKHEAD_RENDERER, or bulkhead-renderer in the build directory this test lies in. */
const char *zygote_driver_program(void);

/* Starts `program` with the given --without bits and waits for its hello. 0 or -errno. */
int zygote_driver_start(struct zygote_driver *driver, const char *program, uint32_t without);
/* Closes the channel, ends the cell init, reaps both. Returns the zygote's wait status. */
int zygote_driver_stop(struct zygote_driver *driver);

/* Sends Fork and waits for forked and for the renderer's hello. 0 or -errno. */
int zygote_driver_fork(struct zygote_driver *driver, unsigned id, uint64_t memory_limit_bytes,
                       struct renderer_driver *ret_renderer);
/* Waits for the renderer's end: its wait status, or -ETIME (it is killed then). */
int renderer_driver_wait(struct renderer_driver *renderer);
/* Frees everything, killing it if it lives. */
void renderer_driver_fini(struct renderer_driver *renderer);

/* The next message, or NULL with *ret_result = CHANNEL_END, CHANNEL_VIOLATION, -ETIME. Valid until the next call. */
const Bulkhead__ToBroker *driver_receive(struct channel *channel, int *ret_result);

#endif
