/* loop.h - one thread, one level-triggered epoll set, timers; nothing else.
 *
 * Callbacks run from loop_run_once(). Any source may be removed from any callback: it is unlinked at once, never called
 * again, and its memory released after the batch. A callback returning < 0 stops the loop with that error. The loop
 * does not own the fds it watches: remove a source before its fd is closed (a duplicate elsewhere would keep it in
 * epoll).
 */
#ifndef BULKHEAD_LOOP_H
#define BULKHEAD_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source;

/* `events` is EPOLLIN|EPOLLOUT|EPOLLHUP|EPOLLERR as epoll reported it. */
typedef int (*loop_fd_fn)(struct loop_source *source, int fd, uint32_t events, void *userdata);
typedef int (*loop_timer_fn)(struct loop_source *source, void *userdata);

int loop_create(struct loop **ret_loop);
void loop_destroy(struct loop *loop);

/* Watches fd (borrowed). `events` as for epoll_ctl. 0 or -errno. */
int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn fn, void *userdata,
                struct loop_source **ret_source);
int loop_source_set_events(struct loop_source *source, uint32_t events);

/* A timer, one-shot, not armed. */
int loop_add_timer(struct loop *loop, loop_timer_fn fn, void *userdata, struct loop_source **ret_source);
/* Arms for an absolute CLOCK_MONOTONIC time in ms (clock_now_ms()); 0 disarms. */
void loop_timer_set(struct loop_source *source, uint64_t at_ms);

/* Calls fn once, after the current batch of events, before the loop sleeps again. With ret_source NULL it is released
 * by itself after the call; otherwise whoever holds *ret_source removes it, before the call, in it or after it. */
int loop_defer(struct loop *loop, loop_timer_fn fn, void *userdata, struct loop_source **ret_source);

/* Removes and releases; takes NULL; *source is set to NULL. */
void loop_source_remove(struct loop_source **source);

/* Waits at most timeout_ms (-1: for ever) for events and runs their callbacks. 0, or the first callback's error. */
int loop_run_once(struct loop *loop, int timeout_ms);
/* Runs until loop_stop() or an error. Returns the error or the code given to loop_stop(). */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int code);

#endif
