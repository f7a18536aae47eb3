#include "tests/support/fake_cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/fd.h"

enum { TEXT_BYTES = 4096, WRITES = 256 };

/* The kernel's own state, if you like: one tree at a time. */
static struct {
    char root[PATH_MAX]; // "" while there is no tree
    const char *fails_at;
    int error;
    char written[WRITES][PATH_MAX];
    unsigned writes;
} kernel;

static const struct {
    const char *controller, *file, *text;
} files[] = {
    {NULL, "cgroup.procs", ""},
    {NULL, "cgroup.subtree_control", ""},
    {NULL, "cgroup.type", "domain\n"},
    {NULL, "cgroup.events", "populated 0\nfrozen 0\n"},
    {"memory", "memory.max", "max\n"},
    {"memory", "memory.swap.max", "max\n"},
    {"memory", "memory.oom.group", "0\n"},
    {"memory", "memory.events", "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n"},
    {"pids", "pids.max", "max\n"},
    {"cpu", "cpu.weight", "100\n"},
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static void read_text(const char *path, char out[TEXT_BYTES])
{
    FILE *file = fopen(path, "r");
    size_t used = file != NULL ? fread(out, 1, TEXT_BYTES - 1, file) : 0;
    out[used] = '\0';
    if (file != NULL)
        fclose(file);
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static const char *join(char out[PATH_MAX], const char *directory, const char *name)
{
    assert_true(snprintf(out, PATH_MAX, "%s/%s", directory, name) < PATH_MAX);
    return out;
}

static bool has_word(const char *text, const char *word)
{
    char copy[TEXT_BYTES], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    for (const char *one; (one = strsep(&rest, " \n")) != NULL;)
        if (strcmp(one, word) == 0)
            return true;
    return false;
}

/* Files of a controller come and go with the word in the parent's cgroup.subtree_control. */
static void show_files(const char *directory, const char *controllers, bool is_new)
{
    char path[PATH_MAX], text[TEXT_BYTES];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        bool is_there = access(join(path, directory, files[i].file), F_OK) == 0;
        bool belongs = files[i].controller == NULL ? is_new || is_there : has_word(controllers, files[i].controller);
        if (belongs && !is_there)
            write_text(path, files[i].text);
        if (!belongs && is_there)
            unlink(path);
    }
    snprintf(text, sizeof text, "%s\n", controllers);
    write_text(join(path, directory, "cgroup.controllers"), text);
}

/* Calls fn for the directory and all below it, the deepest first; true as soon as fn is. */
static bool walk(const char *directory, bool (*fn)(const char *directory, void *userdata), void *userdata)
{
    char path[PATH_MAX];
    DIR *names = opendir(directory);
    bool is_done = false;
    for (struct dirent *entry; names != NULL && !is_done && (entry = readdir(names)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            is_done = walk(join(path, directory, entry->d_name), fn, userdata);
    if (names != NULL)
        closedir(names);
    return is_done || fn(directory, userdata);
}

static bool holds_somebody(const char *directory, void *userdata)
{
    (void)userdata;
    char path[PATH_MAX], text[TEXT_BYTES];
    read_text(join(path, directory, "cgroup.procs"), text);
    return text[0] != '\0';
}

static bool tell_populated(const char *directory, void *userdata)
{
    (void)userdata;
    char path[PATH_MAX];
    write_text(join(path, directory, "cgroup.events"),
               walk(directory, holds_somebody, NULL) ? "populated 1\nfrozen 0\n" : "populated 0\nfrozen 0\n");
    return false;
}

static bool take_out(const char *directory, void *userdata)
{
    const char *pid = userdata;
    char path[PATH_MAX], text[TEXT_BYTES], kept[TEXT_BYTES] = "", *rest = text;
    read_text(join(path, directory, "cgroup.procs"), text);
    for (const char *line; (line = strsep(&rest, "\n")) != NULL;)
        if (line[0] != '\0' && strcmp(line, pid) != 0)
            snprintf(kept + strlen(kept), sizeof kept - strlen(kept), "%s\n", line);
    write_text(path, kept);
    return false;
}

static int move(const char *directory, const char *pid)
{
    char path[PATH_MAX], text[TEXT_BYTES], own[16];
    read_text(join(path, directory, "cgroup.subtree_control"), text);
    if (text[0] != '\0')
        return EBUSY; /* no processes where controllers are handed on */
    if (strcmp(pid, "0") == 0) {
        snprintf(own, sizeof own, "%d", (int)getpid());
        pid = own;
    }
    walk(kernel.root, take_out, (void *)(uintptr_t)pid);
    read_text(join(path, directory, "cgroup.procs"), text);
    size_t used = strlen(text);
    assert_true(snprintf(text + used, sizeof text - used, "%s\n", pid) < (int)(sizeof text - used));
    write_text(path, text);
    walk(kernel.root, tell_populated, NULL);
    return 0;
}

struct handing_on {
    const char *of, *word;
};

static bool hands_on(const char *directory, void *userdata)
{
    const struct handing_on *looked_for = userdata;
    char path[PATH_MAX], text[TEXT_BYTES];
    if (strcmp(directory, looked_for->of) == 0)
        return false;
    read_text(join(path, directory, "cgroup.subtree_control"), text);
    return has_word(text, looked_for->word);
}

static int check_control(const char *directory, const char *order)
{
    char path[PATH_MAX], text[TEXT_BYTES];
    struct handing_on looked_for = {directory, order + 1};
    if (order[0] == '-')
        return walk(directory, hands_on, &looked_for) ? EBUSY : 0;
    read_text(join(path, directory, "cgroup.controllers"), text);
    if (order[0] != '+')
        return EINVAL;
    if (!has_word(text, order + 1))
        return ENOENT;
    return holds_somebody(directory, NULL) ? EBUSY : 0;
}

static void show_in_children(const char *directory, const char *controllers)
{
    char path[PATH_MAX];
    DIR *names = opendir(directory);
    for (struct dirent *entry; names != NULL && (entry = readdir(names)) != NULL;)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            show_files(join(path, directory, entry->d_name), controllers, false);
    if (names != NULL)
        closedir(names);
}

static int control(const char *directory, const char *orders)
{
    static const char *const known[] = {"cpu", "memory", "pids"};
    char path[PATH_MAX], before[TEXT_BYTES], after[TEXT_BYTES] = "", copy[TEXT_BYTES], *rest = copy;
    snprintf(copy, sizeof copy, "%s", orders);
    for (const char *order; (order = strsep(&rest, " ")) != NULL;) {
        int error = check_control(directory, order);
        if (error != 0)
            return error;
    }
    read_text(join(path, directory, "cgroup.subtree_control"), before);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        char on[16], off[16];
        snprintf(on, sizeof on, "+%s", known[i]);
        snprintf(off, sizeof off, "-%s", known[i]);
        if ((has_word(before, known[i]) && !has_word(orders, off)) || has_word(orders, on))
            snprintf(after + strlen(after), sizeof after - strlen(after), "%s%s", after[0] ? " " : "", known[i]);
    }
    write_text(path, after);
    show_in_children(directory, after);
    return 0;
}

/* The absolute path of what a call names, if that is in the tree. */
static bool resolve(int at_fd, const char *path, char out[PATH_MAX])
{
    char link[64], directory[PATH_MAX / 2] = "";
    if (kernel.root[0] == '\0')
        return false;
    snprintf(link, sizeof link, "/proc/self/fd/%d", at_fd);
    if (path[0] != '/') {
        ssize_t length = at_fd == AT_FDCWD ? -1 : readlink(link, directory, sizeof directory - 1);
        if (length < 0)
            return false;
        directory[length] = '\0';
        snprintf(out, PATH_MAX, "%s%s%.*s", directory, path[0] != '\0' ? "/" : "", PATH_MAX / 4, path);
    } else {
        snprintf(out, PATH_MAX, "%s", path);
    }
    size_t length = strlen(kernel.root);
    return strncmp(out, kernel.root, length) == 0 && (out[length] == '/' || out[length] == '\0');
}

static bool is_to_fail(const char *path)
{
    if (kernel.fails_at == NULL || !ends_with(path, kernel.fails_at))
        return false;
    errno = kernel.error;
    return true;
}

/* What follows takes the place of the C library's functions in a test that is linked with --wrap for them. */
int __wrap_openat(int at_fd, const char *path, int flags, ...);
int __wrap_mkdirat(int at_fd, const char *path, mode_t mode);
int __wrap_unlinkat(int at_fd, const char *path, int flags);
ssize_t __wrap_write(int fd, const void *data, size_t size_bytes);

int __wrap_openat(int at_fd, const char *path, int flags, ...)
{
    char resolved[PATH_MAX];
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    if (resolve(at_fd, path, resolved)) {
        flags &= ~O_TRUNC; /* these files cannot be cut short */
        if ((flags & O_ACCMODE) != O_RDONLY && is_to_fail(resolved))
            return -1;
    }
    return (int)syscall(SYS_openat, at_fd, path, flags, mode);
}

int __wrap_mkdirat(int at_fd, const char *path, mode_t mode)
{
    char resolved[PATH_MAX], parent[PATH_MAX + 32], text[TEXT_BYTES];
    bool is_ours = resolve(at_fd, path, resolved);
    if (is_ours && is_to_fail(resolved))
        return -1;
    if (syscall(SYS_mkdirat, at_fd, path, mode) < 0)
        return -1;
    if (is_ours) {
        read_text(join(parent, resolved, "../cgroup.subtree_control"), text);
        show_files(resolved, text, true);
    }
    return 0;
}

static bool is_directory_in(const char *directory)
{
    DIR *names = opendir(directory);
    bool found = false;
    for (struct dirent *entry; names != NULL && !found && (entry = readdir(names)) != NULL;)
        found = entry->d_type == DT_DIR && entry->d_name[0] != '.';
    if (names != NULL)
        closedir(names);
    return found;
}

static int remove_directory(const char *directory)
{
    struct stat st;
    char path[PATH_MAX];
    if (lstat(directory, &st) == 0 && S_ISDIR(st.st_mode)) {
        if (holds_somebody(directory, NULL) || is_directory_in(directory)) {
            errno = EBUSY;
            return -1;
        }
        for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
            unlink(join(path, directory, files[i].file));
        unlink(join(path, directory, "cgroup.controllers"));
    }
    return rmdir(directory);
}

int __wrap_unlinkat(int at_fd, const char *path, int flags)
{
    char resolved[PATH_MAX];
    if (!resolve(at_fd, path, resolved) || flags != AT_REMOVEDIR)
        return (int)syscall(SYS_unlinkat, at_fd, path, flags);
    return is_to_fail(resolved) ? -1 : remove_directory(resolved);
}

ssize_t __wrap_write(int fd, const void *data, size_t size_bytes)
{
    char path[PATH_MAX], directory[PATH_MAX], text[TEXT_BYTES];
    int error = 0;
    if (!resolve(fd, "", path) || strstr(path, "/cgroup") == NULL)
        return (ssize_t)syscall(SYS_write, fd, data, size_bytes);
    snprintf(text, sizeof text, "%.*s", (int)size_bytes, (const char *)data);
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(path, '/') - path), path);
    if (kernel.writes < WRITES)
        snprintf(kernel.written[kernel.writes++], PATH_MAX, "%s", path);
    if (ends_with(path, "/cgroup.procs"))
        error = move(directory, text);
    else if (ends_with(path, "/cgroup.subtree_control"))
        error = control(directory, text);
    else {
        strcat(text, "\n");
        write_text(path, text);
    }
    errno = error;
    return error != 0 ? -1 : (ssize_t)size_bytes;
}

void fake_cgroup_fail(const char *path_end, int error)
{
    kernel.fails_at = path_end;
    kernel.error = error;
}

unsigned fake_cgroup_writes(const char *path_end)
{
    unsigned count = 0;
    for (unsigned i = 0; i < kernel.writes; i++)
        count += ends_with(kernel.written[i], path_end);
    return count;
}

const char *fake_cgroup_get(const struct fake_cgroup *fake, const char *path)
{
    static char text[TEXT_BYTES];
    char full[PATH_MAX];
    read_text(join(full, fake->tree, path), text);
    return text;
}

void fake_cgroup_set(const struct fake_cgroup *fake, const char *path, const char *text)
{
    char full[PATH_MAX];
    join(full, fake->tree, path);
    if (text != NULL)
        write_text(full, text);
    else
        unlink(full);
    walk(fake->tree, tell_populated, NULL);
}

void fake_cgroup_mkdir(const struct fake_cgroup *fake, const char *path)
{
    char full[PATH_MAX];
    assert_int_equal(__wrap_mkdirat(AT_FDCWD, join(full, fake->tree, path), 0755), 0);
}

void fake_cgroup_set_proc(const struct fake_cgroup *fake, const char *path, const char *text)
{
    char full[PATH_MAX], directory[PATH_MAX];
    join(full, fake->proc, path);
    snprintf(directory, sizeof directory, "%.*s", (int)(strrchr(full, '/') - full), full);
    mkdir(directory, 0755);
    write_text(full, text);
}

char *fake_cgroup_list(const struct fake_cgroup *fake)
{
    char command[PATH_MAX], *text = calloc(1, 64 * 1024);
    snprintf(command, sizeof command, "cd '%s' && find . | sort", fake->tree);
    FILE *pipe = popen(command, "r");
    assert_non_null(text);
    assert_non_null(pipe);
    assert_true(fread(text, 1, 64 * 1024 - 1, pipe) > 0);
    pclose(pipe);
    return text;
}

int fake_cgroup_make(void **state)
{
    struct fake_cgroup *fake = calloc(1, sizeof *fake);
    char text[TEXT_BYTES];
    memset(&kernel, 0, sizeof kernel);
    snprintf(fake->directory, sizeof fake->directory, "/tmp/bulkhead-cgroup-XXXXXX");
    assert_non_null(mkdtemp(fake->directory));
    chmod(fake->directory, 0755);
    snprintf(fake->proc, sizeof fake->proc, "%s/proc", fake->directory);
    snprintf(fake->tree, sizeof fake->tree, "%s/cgroup", fake->directory);
    assert_int_equal(mkdir(fake->proc, 0755), 0);
    assert_int_equal(mkdir(fake->tree, 0755), 0);
    snprintf(kernel.root, sizeof kernel.root, "%s", fake->tree);
    show_files(fake->tree, "cpu memory pids", true);
    snprintf(text, sizeof text, "%d\n", (int)getpid());
    fake_cgroup_set(fake, "cgroup.procs", text);
    fake_cgroup_set_proc(fake, "self/cgroup", "0::/\n");
    snprintf(text, sizeof text, "41 31 0:38 / %s rw,relatime - cgroup2 cgroup2 rw,nsdelegate\n", fake->tree);
    fake_cgroup_set_proc(fake, "self/mountinfo", text);
    *state = fake;
    return 0;
}

int fake_cgroup_remove(void **state)
{
    struct fake_cgroup *fake = *state;
    char command[PATH_MAX];
    kernel.root[0] = '\0';
    kernel.fails_at = NULL;
    snprintf(command, sizeof command, "rm -rf '%s'", fake->directory);
    int result = system(command);
    free(fake);
    return result;
}
