/* What the broker opens for itself and for a document: problems named, nothing outside the directory, no waiting. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/document/document.h"
#include "broker/document/file_access.h"
#include "common/fd.h"

static char root[64];

static void at(char out[256], const char *name)
{
    snprintf(out, 256, "%s/%s", root, name);
}

static void put(const char *name, const char *text)
{
    char path[256];
    at(path, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int make_tree(void **state)
{
    char path[256];
    (void)state;
    strcpy(root, "/tmp/bulkhead-test-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    const char *directories[] = {"page", "page/img", "secret"};
    for (size_t i = 0; i < 3; i++) {
        at(path, directories[i]);
        mkdir(path, 0755);
    }
    put("page/index.html", "<p>hello");
    put("page/img/a.png", "pixels");
    put("page/empty", "");
    put("secret/key", "secret");
    at(path, "page/link");
    if (symlink("../secret/key", path) < 0)
        return -1;
    at(path, "page/inner-link");
    if (symlink("img/a.png", path) < 0)
        return -1;
    at(path, "page/fifo");
    return mkfifo(path, 0644);
}

static int remove_tree(void **state)
{
    char command[128];
    (void)state;
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}

static enum document_problem try_open(const char *name)
{
    char path[256];
    struct document *document = NULL;
    at(path, name);
    enum document_problem problem = document_open(path, &document);
    document_unref(document);
    return problem;
}

static void names_the_problem_of_what_it_cannot_open(void **state)
{
    (void)state;
    assert_int_equal(try_open("page/index.html"), DOCUMENT_OK);
    assert_int_equal(try_open("page/none"), DOCUMENT_NOT_FOUND);
    assert_int_equal(try_open("page/index.html/x"), DOCUMENT_NOT_FOUND);
    assert_int_equal(try_open("page"), DOCUMENT_IS_DIRECTORY);
    assert_int_equal(try_open("page/empty"), DOCUMENT_EMPTY);
    assert_int_equal(try_open("page/fifo"), DOCUMENT_NOT_REGULAR); /* and it did not wait for a writer */
    struct document *document = NULL;
    assert_int_equal(document_open("/dev/null", &document), DOCUMENT_NOT_REGULAR);
    char long_location[8000] = "about:";
    memset(long_location + 6, 'x', sizeof long_location - 7);
    assert_int_equal(document_open(long_location, &document), DOCUMENT_NO_SUCH_PAGE);
}

static void no_permission_is_said(void **state)
{
    (void)state;
    if (geteuid() == 0) {
        print_message("skipped: root may read everything\n");
        skip();
    }
    char path[256];
    put("page/locked", "x");
    at(path, "page/locked");
    chmod(path, 0);
    assert_int_equal(try_open("page/locked"), DOCUMENT_NO_PERMISSION);
}

static void two_descriptors_of_a_document_have_offsets_of_their_own(void **state)
{
    (void)state;
    char path[256], byte;
    struct document *document;
    at(path, "page/index.html");
    assert_int_equal(document_open(path, &document), DOCUMENT_OK);
    assert_string_equal(document_name(document), "index.html");
    assert_string_equal(document_url(document), "");
    assert_int_equal(document_size_bytes(document), 8);
    int one = document_dup_fd(document), two = document_dup_fd(document);
    assert_true(one >= 0 && two >= 0);
    assert_int_equal(read(one, &byte, 1), 1);
    assert_int_equal(lseek(two, 0, SEEK_CUR), 0);
    assert_int_equal(write(one, "x", 1), -1);
    close(one);
    close(two);
    document_unref(document);
}

static void the_same_content_has_the_same_identity(void **state)
{
    (void)state;
    char path[256], before[128];
    struct document *document;
    at(path, "page/changing");
    put("page/changing", "one");
    assert_int_equal(document_open(path, &document), DOCUMENT_OK);
    snprintf(before, sizeof before, "%s", document_identity(document));
    document_unref(document);
    assert_int_equal(document_open(path, &document), DOCUMENT_OK);
    assert_string_equal(document_identity(document), before);
    document_unref(document);
    put("page/changing", "three");
    assert_int_equal(document_open(path, &document), DOCUMENT_OK);
    assert_string_not_equal(document_identity(document), before);
    document_unref(document);
}

static Bulkhead__OpenFileReply__Status ask(const char *name)
{
    char path[256];
    uint64_t size = 0;
    int fd = -1;
    at(path, "page");
    _fd_cleanup_ int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    Bulkhead__OpenFileReply__Status status = file_access_open(directory, name, strlen(name), 100, &fd, &size);
    assert_int_equal(fd >= 0, status == BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED);
    fd_close(&fd);
    return status;
}

static void grants_files_beneath_the_directory_only(void **state)
{
    (void)state;
    int before = fd_count_open();
    assert_int_equal(ask("img/a.png"), BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED);
    assert_int_equal(ask("img/../img/a.png"), BULKHEAD__OPEN_FILE_REPLY__STATUS__GRANTED);
    assert_int_equal(ask("../secret/key"), BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE);
    assert_int_equal(ask("img/../../secret/key"), BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE);
    assert_int_equal(ask("/etc/passwd"), BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE);
    assert_int_equal(ask("link"), BULKHEAD__OPEN_FILE_REPLY__STATUS__IS_LINK);
    assert_int_equal(ask("inner-link"), BULKHEAD__OPEN_FILE_REPLY__STATUS__IS_LINK);
    assert_int_equal(ask("http://example.org/a.png"), BULKHEAD__OPEN_FILE_REPLY__STATUS__REMOTE);
    assert_int_equal(ask("https:/example.org/a.png"), BULKHEAD__OPEN_FILE_REPLY__STATUS__REMOTE);
    assert_int_equal(ask("//example.org/a.png"), BULKHEAD__OPEN_FILE_REPLY__STATUS__REMOTE);
    assert_int_equal(ask("file:///etc/passwd"), BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE);
    assert_int_equal(ask("FILE:/etc/passwd"), BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE);
    assert_int_equal(ask("no:where"), BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_FOUND);
    assert_int_equal(ask("none.png"), BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_FOUND);
    assert_int_equal(ask("img"), BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_A_FILE);
    assert_int_equal(ask("fifo"), BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_A_FILE);
    assert_int_equal(ask(""), BULKHEAD__OPEN_FILE_REPLY__STATUS__BAD_PATH);
    assert_int_equal(fd_count_open(), before);
}

static void refuses_the_large_the_long_and_the_nul(void **state)
{
    (void)state;
    char large[200], name[2000];
    uint64_t size;
    int fd = -1;
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    put("page/large", large);
    assert_int_equal(ask("large"), BULKHEAD__OPEN_FILE_REPLY__STATUS__TOO_LARGE);
    memset(name, 'a', sizeof name);
    assert_int_equal(file_access_open(AT_FDCWD, name, sizeof name, 1, &fd, &size),
                     BULKHEAD__OPEN_FILE_REPLY__STATUS__DISABLED);
    assert_int_equal(file_access_open(0, name, sizeof name, 1, &fd, &size),
                     BULKHEAD__OPEN_FILE_REPLY__STATUS__BAD_PATH);
    assert_int_equal(file_access_open(0, "a\0b", 3, 1, &fd, &size), BULKHEAD__OPEN_FILE_REPLY__STATUS__BAD_PATH);
    assert_int_equal(fd, -1);
}

static void keeps_the_audit_trail_escaped(void **state)
{
    (void)state;
    struct document *document;
    size_t count;
    assert_int_equal(document_open("about:clock", &document), DOCUMENT_OK);
    assert_int_equal(document_directory_fd(document), -1);
    document_record_grant(document, "a\033[2Jb", 6, BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE, 0);
    const struct document_grant *grants = document_grants(document, &count);
    assert_int_equal(count, 1);
    assert_null(strchr(grants[0].path, '\033'));
    assert_int_equal(grants[0].status, BULKHEAD__OPEN_FILE_REPLY__STATUS__OUTSIDE);
    for (int i = 0; i < 5000; i++)
        document_record_grant(document, "x", 1, BULKHEAD__OPEN_FILE_REPLY__STATUS__NOT_FOUND, 0);
    document_grants(document, &count);
    assert_true(count < 5000); /* a page that asks for ever cannot fill the broker's memory */
    assert_true(document_trail_is_full(document));
    document_unref(document);
}

/* A pipe somebody holds open and never writes to, and signals that only a loop would take. */
static void waiting_for_standard_input_ends_with_a_signal(void **state)
{
    (void)state;
    struct document *document;
    sigset_t interrupt, before;
    int ends[2], kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3), taken = 0;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigprocmask(SIG_BLOCK, &interrupt, &before);
    kill(getpid(), SIGINT);
    alarm(20); /* the deadline */
    assert_int_equal(document_open("-", &document), DOCUMENT_SYSTEM_ERROR);
    assert_int_equal(errno, EINTR);
    alarm(0);
    assert_int_equal(sigwait(&interrupt, &taken), 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(write(ends[1], "%PDF", 4), 4);
    close(ends[1]);
    assert_int_equal(document_open("-", &document), DOCUMENT_OK);
    assert_int_equal(document_size_bytes(document), 4);
    document_unref(document);
    close(ends[0]);
    assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    close(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_the_problem_of_what_it_cannot_open),
        cmocka_unit_test(no_permission_is_said),
        cmocka_unit_test(two_descriptors_of_a_document_have_offsets_of_their_own),
        cmocka_unit_test(the_same_content_has_the_same_identity),
        cmocka_unit_test(grants_files_beneath_the_directory_only),
        cmocka_unit_test(refuses_the_large_the_long_and_the_nul),
        cmocka_unit_test(keeps_the_audit_trail_escaped),
        cmocka_unit_test(waiting_for_standard_input_ends_with_a_signal),
    };
    return cmocka_run_group_tests(tests, make_tree, remove_tree);
}
