/* clone_sibling.h - fork() whose child is the caller's sibling: CLONE_PARENT, which glibc's fork() cannot be told.
 *
 * The caller must have one thread only. Unlike fork(), no pthread_atfork handlers run and no locks of stdio or malloc
 * are reset, of which a single-threaded process holds none. The one piece of glibc's own state that goes stale is the
 * thread's id in its descriptor (mutex owners, pthread_kill); the kernel is told to write the child's there, as
 * glibc's fork() does.
 */
#ifndef BULKHEAD_CLONE_SIBLING_H
#define BULKHEAD_CLONE_SIBLING_H

#include <sys/types.h>

/* 0 in the child; in the caller the child's pid as the caller's pid namespace knows it, or -errno. */
pid_t clone_sibling(void);

#endif
