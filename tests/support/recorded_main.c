/* replay-recording: plays recordings (`bulkhead render --record FILE`) to a broker again and says what came of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "tests/fuzz/inbound/recorded.h"

static unsigned char *read_whole(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "re");
    unsigned char *data = NULL;
    long length;
    if (file == NULL)
        return NULL;
    if (fseek(file, 0, SEEK_END) == 0 && (length = ftell(file)) >= 0 && (data = malloc((size_t)length + 1)) != NULL) {
        rewind(file);
        *ret_bytes = fread(data, 1, (size_t)length, file);
    }
    fclose(file);
    return data;
}

static int play(const char *path)
{
    struct recorded_facts facts;
    size_t size_bytes = 0;
    unsigned char *data = read_whole(path, &size_bytes);
    if (data == NULL || recorded_play(data, size_bytes, &facts) < 0) {
        fprintf(stderr, "replay-recording: %s: %s\n", path, data == NULL ? "cannot be read" : "is no recording");
        free(data);
        return 1;
    }
    free(data);
    printf("%s: %u renderers, %u messages (%u left out): %u documents, %u bounds, %u frames, %u failures", path,
           facts.renderers, facts.messages, facts.left_out, facts.infos, facts.bounds, facts.frames, facts.failures);
    for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++)
        if (facts.ends[cause] > 0)
            printf(", %s %u", exit_cause_name((enum exit_cause)cause), facts.ends[cause]);
    printf("%s%s\n", facts.violation != VIOLATION_NONE ? ": " : "",
           facts.violation != VIOLATION_NONE ? violation_name(facts.violation) : "");
    return 0;
}

int main(int argc, char **argv)
{
    int code = argc > 1 ? 0 : 2;
    if (argc < 2)
        fprintf(stderr, "usage: replay-recording RECORDING...\n");
    log_set_level(LOG_NONE);
    for (int i = 1; i < argc && code == 0; i++)
        code = play(argv[i]);
    return code;
}
