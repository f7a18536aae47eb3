/* crash_test.h - misbehaviour on purpose, one kind for each way a renderer can end.
 *
 * Every kind really does what it is called, in small functions with tellable names, so that a backtrace is worth
 * reading. Some of them also stand for what a taken-over renderer would try. Orders come from the trusted broker only.
 */
#ifndef BULKHEAD_CRASH_TEST_H
#define BULKHEAD_CRASH_TEST_H

#include <stdbool.h>

#include "renderer/session_channel.h"

/* Whether the kind is the main thread's to do: crash_test_run() is called there then, and on the paint thread
 * otherwise. */
bool crash_test_is_for_main_thread(Bulkhead__CrashTest__Kind kind);

/* Returns only if the cell made the attempt harmless, or the kind is unknown. */
void crash_test_run(Bulkhead__CrashTest__Kind kind, struct session_channel *channel);

#endif
