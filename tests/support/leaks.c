#include "tests/support/leaks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/fd.h"

static int fds_before;

int leaks_remember(void **state)
{
    (void)state;
    fds_before = fd_count_open();
    return 0;
}

int leaks_assert_none(void **state)
{
    (void)state;
    assert_int_equal(fd_count_open(), fds_before);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    return 0;
}
