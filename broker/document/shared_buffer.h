/* shared_buffer.h - the one piece of memory that two renderers may share: made, sealed and handed out here.
 *
 * Which pages get an end of it, and which end, is a table of this file; a renderer cannot ask for one, and no document
 * is ever given one. It is made when the first such page is opened. One renderer at a time has the writing end, until
 * the kernel has said that it is gone; any number have the reading end, a descriptor through which nothing can be
 * written. The broker never maps the memory. Its layout is common/sweep_layout.h.
 */
#ifndef BULKHEAD_SHARED_BUFFER_H
#define BULKHEAD_SHARED_BUFFER_H

#include "to_renderer.pb-c.h"

struct shared_buffer {
    int fd;                    // readable and writable; -1 = not made yet
    unsigned writing_renderer; // renderer_id(); 0 = none
};

void shared_buffer_init(struct shared_buffer *buffer);
void shared_buffer_fini(struct shared_buffer *buffer);

/* The end that the page of this url is meant to have: NONE for all but a few about: pages, and for "", a file. */
Bulkhead__Navigate__SharedBuffer shared_buffer_end_of(const char *url);

/* Gives the renderer this end. 0 with what it really gets (TAKEN in place of WRITER while another renderer writes) and
 * an owned descriptor, -1 for NONE and TAKEN; or -errno. */
int shared_buffer_hand_out(struct shared_buffer *buffer, Bulkhead__Navigate__SharedBuffer wanted, unsigned renderer_id,
                           Bulkhead__Navigate__SharedBuffer *ret_end, int *ret_fd);

/* Its process is gone, and with it every mapping it had: another may write. */
void shared_buffer_forget(struct shared_buffer *buffer, unsigned renderer_id);

#endif
