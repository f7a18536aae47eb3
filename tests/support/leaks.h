/* leaks.h - set-up and tear-down of a cmocka test that must leave no descriptor open and no child unwaited. */
#ifndef BULKHEAD_TESTS_LEAKS_H
#define BULKHEAD_TESTS_LEAKS_H

int leaks_remember(void **state);
int leaks_assert_none(void **state);

#endif
