/* The memory that two renderers share, at the broker: who gets which end of it, and what an end can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/document/document.h"
#include "broker/document/shared_buffer.h"
#include "common/fd.h"
#include "common/sweep_layout.h"
#include "tests/support/leaks.h"
#include "tests/support/scratch.h"

#define NONE   BULKHEAD__NAVIGATE__SHARED_BUFFER__NONE
#define WRITER BULKHEAD__NAVIGATE__SHARED_BUFFER__WRITER
#define READER BULKHEAD__NAVIGATE__SHARED_BUFFER__READER
#define TAKEN  BULKHEAD__NAVIGATE__SHARED_BUFFER__TAKEN

enum { NOBODY = 65534 };

static int hand_out(struct shared_buffer *buffer, Bulkhead__Navigate__SharedBuffer wanted, unsigned renderer_id,
                    Bulkhead__Navigate__SharedBuffer expected)
{
    Bulkhead__Navigate__SharedBuffer end;
    int fd = -2;

    assert_int_equal(shared_buffer_hand_out(buffer, wanted, renderer_id, &end, &fd), 0);
    assert_int_equal(end, expected);
    assert_int_equal(fd >= 0, end == WRITER || end == READER);
    return fd;
}

static void only_the_pages_of_the_table_have_an_end(void **state)
{
    static const char *const others[] = {"",
                                         "about:",
                                         "about:clock",
                                         "about:wav",
                                         "about:waves",
                                         "about:wave/",
                                         "about:Wave",
                                         "About:wave",
                                         "wave",
                                         " about:scope",
                                         "file:///tmp/about:wave",
                                         "about:clock?about:wave"};

    (void)state;
    assert_int_equal(shared_buffer_end_of("about:wave"), WRITER);
    assert_int_equal(shared_buffer_end_of("about:wave?square"), WRITER);
    assert_int_equal(shared_buffer_end_of("about:scope"), READER);
    assert_int_equal(shared_buffer_end_of("about:scope#here"), READER);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(shared_buffer_end_of(others[i]), NONE);
}

static void a_file_has_no_end_whatever_it_is_called(void **state)
{
    struct document *document;
    char path[SCRATCH_PATH];

    scratch_write(state, "about:wave", "x", 1);
    assert_int_equal(document_open(scratch_path(state, "about:wave", path), &document), DOCUMENT_OK);
    assert_int_equal(document_shared_end(document), NONE);
    document_unref(document);
    assert_int_equal(document_open("about:wave", &document), DOCUMENT_OK);
    assert_int_equal(document_shared_end(document), WRITER);
    document_unref(document);
}

static void it_is_made_when_the_first_end_is_handed_out(void **state)
{
    struct shared_buffer buffer;

    (void)state;
    shared_buffer_init(&buffer);
    hand_out(&buffer, NONE, 1, NONE);
    assert_int_equal(buffer.fd, -1);
    _fd_cleanup_ int reader = hand_out(&buffer, READER, 2, READER);
    _fd_cleanup_ int writer = hand_out(&buffer, WRITER, 3, WRITER);
    char *written = mmap(NULL, SWEEP_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, writer, 0);
    const char *read = mmap(NULL, SWEEP_RING_BYTES, PROT_READ, MAP_SHARED, reader, 0);
    assert_true(written != MAP_FAILED && read != MAP_FAILED);
    written[SWEEP_RING_BYTES - 1] = 'x';
    assert_int_equal(read[SWEEP_RING_BYTES - 1], 'x');
    munmap(written, SWEEP_RING_BYTES);
    munmap((void *)(uintptr_t)read, SWEEP_RING_BYTES);
    shared_buffer_fini(&buffer);
}

static void assert_sealed(int fd)
{
    const int seals = F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;

    assert_int_equal(fcntl(fd, F_GET_SEALS), seals);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 1 << 20), -1);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
    assert_int_equal(errno, EPERM);
}

static void neither_end_can_change_its_size_or_its_seals(void **state)
{
    struct shared_buffer buffer;

    (void)state;
    shared_buffer_init(&buffer);
    _fd_cleanup_ int reader = hand_out(&buffer, READER, 2, READER);
    _fd_cleanup_ int writer = hand_out(&buffer, WRITER, 3, WRITER);
    assert_sealed(reader);
    assert_sealed(writer);
    shared_buffer_fini(&buffer);
}

static void nothing_can_be_written_by_the_reading_end(void **state)
{
    struct shared_buffer buffer;

    (void)state;
    shared_buffer_init(&buffer);
    _fd_cleanup_ int fd = hand_out(&buffer, READER, 1, READER);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EBADF);
    assert_ptr_equal(mmap(NULL, SWEEP_RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    assert_int_equal(errno, EACCES);
    void *memory = mmap(NULL, SWEEP_RING_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(memory, MAP_FAILED);
    assert_int_equal(mprotect(memory, SWEEP_RING_BYTES, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(errno, EACCES);
    munmap(memory, SWEEP_RING_BYTES);
    shared_buffer_fini(&buffer);
}

/* Not that a renderer has a /proc, or could open anything. */
static void the_reading_end_cannot_be_opened_anew_for_writing_without_privileges(void **state)
{
    struct shared_buffer buffer;
    char link[64];
    int status;

    (void)state;
    shared_buffer_init(&buffer);
    _fd_cleanup_ int fd = hand_out(&buffer, READER, 1, READER);
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    pid_t pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) < 0)
            _exit(2);
        _exit(open(link, O_RDWR) < 0 && errno == EACCES ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    shared_buffer_fini(&buffer);
}

static void there_is_one_writer_until_it_is_gone_and_any_number_of_readers(void **state)
{
    struct shared_buffer buffer;
    int writers[2], readers[5];

    (void)state;
    shared_buffer_init(&buffer);
    writers[0] = hand_out(&buffer, WRITER, 7, WRITER);
    hand_out(&buffer, WRITER, 8, TAKEN);
    for (unsigned i = 0; i < 5; i++)
        readers[i] = hand_out(&buffer, READER, 9 + i, READER);
    shared_buffer_forget(&buffer, 8);
    shared_buffer_forget(&buffer, 9);
    hand_out(&buffer, WRITER, 20, TAKEN);
    shared_buffer_forget(&buffer, 7);
    writers[1] = hand_out(&buffer, WRITER, 21, WRITER);
    hand_out(&buffer, WRITER, 22, TAKEN);
    fd_close_many(readers, 5);
    fd_close_many(writers, 2);
    shared_buffer_fini(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_pages_of_the_table_have_an_end),
        cmocka_unit_test_setup_teardown(a_file_has_no_end_whatever_it_is_called, scratch_make, scratch_remove),
        cmocka_unit_test_setup_teardown(it_is_made_when_the_first_end_is_handed_out, leaks_remember, leaks_assert_none),
        cmocka_unit_test_setup_teardown(neither_end_can_change_its_size_or_its_seals, leaks_remember,
                                        leaks_assert_none),
        cmocka_unit_test_setup_teardown(nothing_can_be_written_by_the_reading_end, leaks_remember, leaks_assert_none),
        cmocka_unit_test_setup_teardown(the_reading_end_cannot_be_opened_anew_for_writing_without_privileges,
                                        leaks_remember, leaks_assert_none),
        cmocka_unit_test_setup_teardown(there_is_one_writer_until_it_is_gone_and_any_number_of_readers, leaks_remember,
                                        leaks_assert_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
