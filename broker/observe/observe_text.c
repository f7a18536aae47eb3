#include "broker/observe/observe_text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The next line's start, or NULL at the end. */
static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end != NULL && end[1] != '\0' ? end + 1 : NULL;
}

/* What follows "key" at the start of a line. 1 found, 0 not there, -EBADMSG there twice. */
static int find_field(const char *text, const char *key, const char **ret_value)
{
    size_t length = strlen(key);
    int found = 0;
    for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line(line)) {
        if (strncmp(line, key, length) != 0)
            continue;
        if (found++ != 0)
            return -EBADMSG;
        *ret_value = line + length;
    }
    return found;
}

static const char *skip_blanks(const char *at)
{
    while (*at == ' ' || *at == '\t')
        at++;
    return at;
}

/* A number and what ends it; no sign, nothing beyond `most`. */
static bool take_number(const char **at, int base, uint64_t most, uint64_t *ret_number)
{
    char *end;
    const char *start = skip_blanks(*at);
    if (!isxdigit((unsigned char)*start))
        return false;
    errno = 0;
    unsigned long long number = strtoull(start, &end, base);
    if (errno != 0 || end == start || number > most || (*end != '\0' && !isspace((unsigned char)*end)))
        return false;
    *at = end;
    *ret_number = number;
    return true;
}

/* The rest of the line without blanks around it. */
static void copy_words(char *out, size_t out_bytes, const char *value)
{
    value = skip_blanks(value);
    size_t length = strcspn(value, "\n");
    while (length > 0 && isspace((unsigned char)value[length - 1]))
        length--;
    snprintf(out, out_bytes, "%.*s", (int)(length < out_bytes ? length : out_bytes - 1), value);
}

static int parse_ids(const char *text, const char *key, uint32_t ret_ids[4])
{
    const char *value;
    uint64_t number;
    if (find_field(text, key, &value) != 1)
        return -EBADMSG;
    for (size_t i = 0; i < 4; i++) {
        if (!take_number(&value, 10, UINT32_MAX, &number))
            return -EBADMSG;
        ret_ids[i] = (uint32_t)number;
    }
    return 0;
}

/* A list of numbers to the end of its line; -EBADMSG if it is anything else, 0 numbers if there is no such line. */
static int count_numbers(const char *text, const char *key, unsigned *ret_count)
{
    const char *value;
    uint64_t number;
    int found = find_field(text, key, &value);
    *ret_count = 0;
    if (found <= 0)
        return found;
    for (value = skip_blanks(value); *value != '\0' && *value != '\n'; value = skip_blanks(value)) {
        if (!take_number(&value, 10, UINT32_MAX, &number))
            return -EBADMSG;
        (*ret_count)++;
    }
    return 0;
}

static int parse_small(const char *text, const char *key, int *ret_number)
{
    const char *value;
    uint64_t number;
    int found = find_field(text, key, &value);
    *ret_number = OBSERVE_NOT_TOLD;
    if (found <= 0)
        return found;
    if (!take_number(&value, 10, 1000000, &number))
        return -EBADMSG;
    *ret_number = (int)number;
    return 0;
}

/* `is_needed`: absence is an error. */
static int add_capabilities(const char *text, const char *key, bool is_needed, uint64_t *into)
{
    const char *value;
    uint64_t number;
    int found = find_field(text, key, &value);
    if (found == 0 && !is_needed)
        return 0;
    if (found != 1 || !take_number(&value, 16, UINT64_MAX, &number))
        return -EBADMSG;
    *into |= number;
    return 0;
}

static int parse_words(const char *text, const char *key, char *ret_words)
{
    const char *value;
    int found = find_field(text, key, &value);
    ret_words[0] = '\0';
    if (found == 1)
        copy_words(ret_words, OBSERVE_WORDS_BYTES, value);
    return found < 0 ? found : 0;
}

static int parse_capabilities(const char *text, struct observe_status *status)
{
    static const char *const held[] = {"CapInh:", "CapPrm:", "CapEff:"};
    int rc = 0;
    for (size_t i = 0; i < sizeof held / sizeof held[0] && rc == 0; i++)
        rc = add_capabilities(text, held[i], true, &status->held_capabilities);
    if (rc == 0)
        rc = add_capabilities(text, "CapAmb:", false, &status->held_capabilities);
    return rc == 0 ? add_capabilities(text, "CapBnd:", true, &status->bounding_capabilities) : rc;
}

int observe_parse_status(const char *text, struct observe_status *ret_status)
{
    struct observe_status status = {0};
    int rc = parse_ids(text, "Uid:", status.uids);
    if (rc == 0)
        rc = parse_ids(text, "Gid:", status.gids);
    if (rc == 0)
        rc = count_numbers(text, "Groups:", &status.group_count);
    if (rc == 0)
        rc = count_numbers(text, "NSpid:", &status.pid_depth);
    if (rc == 0)
        rc = parse_capabilities(text, &status);
    if (rc == 0)
        rc = parse_small(text, "NoNewPrivs:", &status.no_new_privs);
    if (rc == 0)
        rc = parse_small(text, "Seccomp:", &status.seccomp_mode);
    if (rc == 0)
        rc = parse_small(text, "Seccomp_filters:", &status.seccomp_filters);
    if (rc == 0)
        rc = parse_words(text, "Speculation_Store_Bypass:", status.store_bypass);
    if (rc == 0)
        rc = parse_words(text, "SpeculationIndirectBranch:", status.indirect_branch);
    if (rc == 0)
        *ret_status = status;
    return rc;
}

static int weaker(int a, int b)
{
    return a < b ? a : b;
}

void observe_weaken_status(struct observe_status *all, const struct observe_status *thread)
{
    for (size_t i = 0; i < 4; i++) {
        /* Root's is the strongest id there is; which of two others does not matter. */
        all->uids[i] = thread->uids[i] == 0 ? 0 : all->uids[i];
        all->gids[i] = thread->gids[i] == 0 ? 0 : all->gids[i];
    }
    all->group_count = all->group_count > thread->group_count ? all->group_count : thread->group_count;
    all->pid_depth = all->pid_depth < thread->pid_depth ? all->pid_depth : thread->pid_depth;
    all->no_new_privs = weaker(all->no_new_privs, thread->no_new_privs);
    all->seccomp_mode = weaker(all->seccomp_mode, thread->seccomp_mode);
    all->seccomp_filters = weaker(all->seccomp_filters, thread->seccomp_filters);
    all->held_capabilities |= thread->held_capabilities;
    all->bounding_capabilities |= thread->bounding_capabilities;
    /* Words of its own kind are compared by whoever judges them: an unlike thread is shown as what it says. */
    if (strcmp(all->store_bypass, thread->store_bypass) != 0)
        snprintf(all->store_bypass, sizeof all->store_bypass, "not the same in all threads");
    if (strcmp(all->indirect_branch, thread->indirect_branch) != 0)
        snprintf(all->indirect_branch, sizeof all->indirect_branch, "not the same in all threads");
}

static const char *const limit_names[RLIM_NLIMITS] = {
    [RLIMIT_CPU] = "Max cpu time",
    [RLIMIT_FSIZE] = "Max file size",
    [RLIMIT_DATA] = "Max data size",
    [RLIMIT_STACK] = "Max stack size",
    [RLIMIT_CORE] = "Max core file size",
    [RLIMIT_RSS] = "Max resident set",
    [RLIMIT_NPROC] = "Max processes",
    [RLIMIT_NOFILE] = "Max open files",
    [RLIMIT_MEMLOCK] = "Max locked memory",
    [RLIMIT_AS] = "Max address space",
    [RLIMIT_LOCKS] = "Max file locks",
    [RLIMIT_SIGPENDING] = "Max pending signals",
    [RLIMIT_MSGQUEUE] = "Max msgqueue size",
    [RLIMIT_NICE] = "Max nice priority",
    [RLIMIT_RTPRIO] = "Max realtime priority",
    [RLIMIT_RTTIME] = "Max realtime timeout",
};

const char *observe_limit_name(int resource)
{
    return limit_names[resource];
}

static bool take_limit(const char **at, uint64_t *ret_limit)
{
    static const char unlimited[] = "unlimited";
    *at = skip_blanks(*at);
    if (strncmp(*at, unlimited, sizeof unlimited - 1) != 0)
        return take_number(at, 10, UINT64_MAX - 1, ret_limit);
    *at += sizeof unlimited - 1;
    *ret_limit = OBSERVE_UNLIMITED;
    return true;
}

int observe_parse_limits(const char *text, struct observe_limits *ret_limits)
{
    struct observe_limits limits = {.soft = {0}};
    for (size_t i = 0; i < RLIM_NLIMITS; i++) {
        const char *value;
        if (find_field(text, limit_names[i], &value) != 1 || !take_limit(&value, &limits.soft[i]) ||
            !take_limit(&value, &limits.hard[i]))
            return -EBADMSG;
    }
    *ret_limits = limits;
    return 0;
}

/* The `index`th word of a line, from 0; its length, 0 if the line is shorter. */
static size_t find_word(const char *line, unsigned index, const char **ret_word)
{
    size_t length;
    for (;; line += length) {
        line = skip_blanks(line);
        length = strcspn(line, " \t\n");
        if (index-- == 0 || length == 0)
            break;
    }
    *ret_word = line;
    return length;
}

static void copy_word(char *out, size_t out_bytes, const char *word, size_t length)
{
    snprintf(out, out_bytes, "%.*s", (int)(length < out_bytes ? length : out_bytes - 1), word);
}

static bool has_option(const char *options, size_t length, const char *option)
{
    size_t option_length = strlen(option);
    for (size_t at = 0; at < length;) {
        size_t end = at;
        while (end < length && options[end] != ',')
            end++;
        if (end - at == option_length && strncmp(options + at, option, option_length) == 0)
            return true;
        at = end + 1;
    }
    return false;
}

/* "68 43 0:43 / /point ro,nosuid shared:1 - tmpfs none rw": the file system follows a lone "-". */
static int parse_first_mount(const char *line, struct observe_mounts *mounts)
{
    const char *word, *point, *options;
    size_t point_length = find_word(line, 4, &point), options_length = find_word(line, 5, &options);
    if (point_length == 0 || options_length == 0)
        return -EBADMSG;
    copy_word(mounts->first_point, sizeof mounts->first_point, point, point_length);
    mounts->is_first_read_only = has_option(options, options_length, "ro");
    for (unsigned index = 6;; index++) {
        size_t length = find_word(line, index, &word);
        if (length == 0)
            return -EBADMSG;
        if (length == 1 && word[0] == '-')
            break;
    }
    size_t length = find_word(word + 1, 0, &word);
    copy_word(mounts->first_type, sizeof mounts->first_type, word, length);
    return length > 0 ? 0 : -EBADMSG;
}

int observe_parse_mounts(const char *text, struct observe_mounts *ret_mounts)
{
    struct observe_mounts mounts = {0};
    for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line(line)) {
        const char *at = line;
        uint64_t id;
        if (!take_number(&at, 10, UINT32_MAX, &id))
            return -EBADMSG;
        if (mounts.count == 0 && parse_first_mount(line, &mounts) < 0)
            return -EBADMSG;
        if (mounts.count < OBSERVE_MOUNTS_MAX)
            mounts.ids[mounts.count] = (unsigned)id;
        mounts.count++;
    }
    *ret_mounts = mounts;
    return 0;
}

int observe_parse_id_map(const char *text, struct observe_id_map *ret_map)
{
    struct observe_id_map map = {0};
    for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line(line)) {
        uint64_t inside, outside, count;
        const char *at = line;
        if (!take_number(&at, 10, UINT32_MAX, &inside) || !take_number(&at, 10, UINT32_MAX, &outside) ||
            !take_number(&at, 10, UINT32_MAX, &count))
            return -EBADMSG;
        if (map.first[0] == '\0')
            snprintf(map.first, sizeof map.first, "%" PRIu64 " %" PRIu64 " %" PRIu64, inside, outside, count);
        map.ids += count;
    }
    *ret_map = map;
    return 0;
}

int observe_parse_network(const char *text, struct observe_network *ret_network)
{
    struct observe_network network = {0};
    size_t used = 0;
    unsigned line_number = 0;
    for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line(line)) {
        if (line_number++ < 2) /* the heading */
            continue;
        const char *name = skip_blanks(line);
        size_t length = strcspn(name, ": \n");
        if (length == 0 || name[length] != ':')
            return -EBADMSG;
        if (used < sizeof network.interfaces)
            used += (size_t)snprintf(network.interfaces + used, sizeof network.interfaces - used, "%s%.*s",
                                     used > 0 ? ", " : "", (int)length, name);
        network.count++;
    }
    if (line_number < 2)
        return -EBADMSG;
    *ret_network = network;
    return 0;
}

int observe_parse_maps(const char *text, struct observe_maps *ret_maps)
{
    struct observe_maps maps = {0};
    for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line(line)) {
        const char *rights;
        if (find_word(line, 1, &rights) != 4 || strspn(rights, "rwxsp-") != 4)
            return -EBADMSG;
        maps.count++;
        if (rights[1] != 'w' || rights[2] != 'x')
            continue;
        if (maps.writable_executable++ == 0)
            copy_word(maps.first, sizeof maps.first, line, strcspn(line, "\n"));
    }
    *ret_maps = maps;
    return 0;
}

int observe_parse_cgroup(const char *text, char *ret_path, size_t path_bytes)
{
    static const char unified[] = "0::", memory[] = ":memory:";
    bool has_memory = false, has_any = false;
    for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line(line)) {
        size_t length = strcspn(line, "\n");
        const char *found = memmem(line, length, memory, sizeof memory - 1);
        const char *path = found != NULL ? found + sizeof memory - 1 : line + sizeof unified - 1;
        if (found == NULL && (strncmp(line, unified, sizeof unified - 1) != 0 || has_memory))
            continue;
        has_memory |= found != NULL;
        has_any = true;
        copy_word(ret_path, path_bytes, path, (size_t)(line + length - path));
    }
    return has_any ? 0 : -EBADMSG;
}

bool observe_is_namespace(const char *link, const char *name)
{
    size_t length = strlen(name);
    if (strncmp(link, name, length) != 0 || strncmp(link + length, ":[", 2) != 0)
        return false;
    size_t digits = strspn(link + length + 2, "0123456789");
    return digits > 0 && strcmp(link + length + 2 + digits, "]") == 0;
}
