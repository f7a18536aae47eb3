#include "demo/finish.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/output/encode_image.h"
#include "broker/output/output.h"
#include "broker/trace/report.h"

/* Copied first: the renderer may write to its frame at any time, and a torn picture must not be kept. */
static int finish_encode(const struct tab *tab, const struct frame *frame, const char *path)
{
    const struct encode_options options = {.format = ENCODE_PNG, .png_level = ENCODE_PNG_LEVEL_DEFAULT};
    uint32_t stride_bytes = frame->geometry.width_px * FRAME_BYTES_PER_PIXEL;
    uint8_t *pixels = malloc((size_t)stride_bytes * frame->geometry.height_px);
    struct output *output;

    if (!pixels)
        return -1;
    int r = frame_copy(frame, tab_frames(tab), pixels, stride_bytes) ? output_open(path, NULL, -1, &output) : -1;
    if (r == 0) {
        const struct encode_image image = {pixels, frame->geometry.width_px, frame->geometry.height_px, stride_bytes};
        r = encode_image_write(&image, &options, output, NULL);
        if (r == 0)
            r = output_commit(output);
        else
            output_abandon(output);
    }
    free(pixels);
    return r;
}

size_t finish_write_pictures(struct stage *stage)
{
    size_t written = 0;

    for (size_t i = 0; i < viewer_count(stage->viewer); i++) {
        const struct tab *tab = viewer_tab(stage->viewer, i);
        const struct frame *frame = tab_frame(tab);
        const char *name = document_name(tab_document(tab));
        char path[4096];
        if (!frame)
            continue;
        name = strncmp(name, "about:", 6) == 0 ? name + 6 : name;
        snprintf(path, sizeof(path), "%s/%02zu-%s.png", stage->options->out_directory, i + 1, name);
        if (stage_check(stage, finish_encode(tab, frame, path) == 0, "%s (%ux%u)", path, frame->geometry.width_px,
                        frame->geometry.height_px))
            written++;
    }
    return written;
}

static void finish_print_ends(FILE *out, const struct broker *broker)
{
    const uint64_t *ends = broker_end_counts(broker);
    bool any = false;

    fputs("renderers that ended:", out);
    for (int cause = 0; cause < EXIT_CAUSE_COUNT; cause++) {
        if (ends[cause] == 0)
            continue;
        fprintf(out, "%s %llu %s", any ? "," : "", (unsigned long long)ends[cause], exit_cause_name(cause));
        any = true;
    }
    fputs(any ? "\n" : " none\n", out);
}

char *finish_tables(const struct stage *stage)
{
    struct counters sum;
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    counters_init(&sum);
    broker_sum_counters(stage->broker, &sum);
    char *messages = report_counters_text(&sum);
    fputs(messages ? messages : "", out);
    free(messages);
    counters_fini(&sum);
    finish_print_ends(out, stage->broker);
    fclose(out);
    return text;
}
