/* What MuPDF complains of: to stderr, which is the broker's log, and to the document's host, which tells the user.
 *
 * MuPDF goes on after almost everything: it repairs, pads and substitutes. Most of its messages mean that a picture may
 * lack something. Those that do not are listed here, by how they begin; what is not known is damage. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* clang-format off: it wants stdio.h before it */
#include <jpeglib.h>
/* clang-format on */

#include "renderer/engine/engine_mupdf_document.h"

enum {
    /* A broken document warns about every object; the first lines tell what there is to know. */
    MESSAGES_SHOWN = 24,
    MESSAGE_BYTES = 200,
};

static const char *const notes[] = {
    /* A file that was not to be had: the broker's own record says which, and why. */
    "cannot open ", "html: cannot load image", "html: cannot load embedded svg", "svg: ignoring external image",
    "ignoring stylesheet", "cannot load font-face", "cannot load html font",
    /* Markup and style sheets that go beyond what MuPDF knows. */
    "css syntax error", "ignoring style attribute", "ignoring inline stylesheet", "ignoring styles",
    "html: nothing to layout", "table-cell not inside", "table-row not inside", "syntax error in XHTML; retrying",
    "Skipping image with no id", "unknown epub version",
    /* Substitute fonts, and how their characters were found. */
    "non-embedded font using identity encoding", "unknown font format, guessing",
    "ignored error when loading embedded font", "cannot load ToUnicode CMap", "cannot find builtin font",
    "CIDFont is missing CIDSystemInfo", "unknown cid collection", "workaround for S22PDF",
    "no unicode cmap when emulating", "freetype could not find any cmaps", "freetype could not set cmap",
    "freetype get glyph name", "ignoring CMap range", "ignoring one to many mapping", "missing font descriptor",
    /* Colours that are approximated. */
    "ignoring transfer function", "ignoring broken ICC", "Ignoring Page blending colorspace",
    "Ignoring incompatible output intent", "ignoring embedded ICC profile", "embedded ICC profile does not match",
    "ICC colorspace N=", "invalid number of components in ICC profile, ignoring", "invalid ICC profile name",
    "inconsistent number of icc profile chunks", "skipping out of range icc profile chunk",
    "cannot create ICC link, falling back", "falling back to fast color conversion", "ignoring color profile",
    "ignoring linked color profile", "ignoring truncated color profile", "ignoring windows color profile",
    /* Untidy and complete. */
    "broken xref subsection", /* numbered from 1 instead of 0 */
    "line feed missing after stream begin marker", "gstate underflow in content stream",
    "dropping unclosed PDF processor", "cannot encache glyph; continuing",
    "ignoring unsupported application extension", /* of a GIF */
    "ignoring unsupported extension label",       /* of a GIF */
    "File has been updated since linearization", "invalid date", "inflate did not consume buffer",
    "ran out of output before input", "Warning: unknown JFIF revision number",
    "treating invalid subimage as end of file", /* 1.23, of every BMP with one picture in it */
};

/* From 1.24 on an error's words come after its class ("syntax error: unknown keyword: 'x'"). */
static const char *const classes[] = {
    "generic error: ", "system error: ", "library error: ",  "unsupported error: ", "argument error: ", "limit error: ",
    "format error: ",  "syntax error: ", "trylater error: ", "abort error: ",       "repaired error: ",
};

static const char *words_of(const char *message)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp(message, classes[i], strlen(classes[i])) == 0)
            return message + strlen(classes[i]);
    return message;
}

static Bulkhead__Warning__Kind kind_of(const char *message)
{
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++)
        if (strncmp(message, notes[i], strlen(notes[i])) == 0)
            return BULKHEAD__WARNING__KIND__NOTE;
    return BULKHEAD__WARNING__KIND__DAMAGE;
}

/* One write() a line: no stdio, whose buffers a fork would copy and a crash would lose. */
static void show_message(struct engine_mupdf_state *state, const char *message)
{
    if (state->messages++ >= MESSAGES_SHOWN)
        return;
    char line[MESSAGE_BYTES + 64];
    int length = snprintf(line, sizeof line, "MuPDF: %.*s%s\n", MESSAGE_BYTES, message,
                          state->messages == MESSAGES_SHOWN ? " (no more of these are shown)" : "");
    if (write(STDERR_FILENO, line, (size_t)length) < 0)
        return; /* nobody listens */
}

static void on_warning(void *state_, const char *message)
{
    struct engine_mupdf_state *state = state_;
    if (state->muted)
        return;
    show_message(state, message);
    if (state->host && strncmp(message, "... repeated ", 13) != 0)
        state->host->warn(state->host->session, kind_of(message), message);
}

static void on_error(void *state_, const char *message)
{
    struct engine_mupdf_state *state = state_;
    const char *words = words_of(message);
    snprintf(state->last_error, sizeof state->last_error, "%s", words);
    on_warning(state, words);
}

void engine_mupdf_messages_listen(fz_context *ctx, struct engine_mupdf_state *state)
{
    fz_set_warning_callback(ctx, on_warning, state);
    fz_set_error_callback(ctx, on_error, state);
}

void engine_mupdf_messages_restart(fz_context *ctx)
{
    fz_flush_warnings(ctx);
}

/* libjpeg tells MuPDF nothing of what it finds corrupt: it names the first thing of each picture by itself, to stderr.
 * Heard here and not in output_message, which MuPDF sets to one that is silent from 1.24 on. */
static void on_jpeg_message(j_common_ptr jpeg, int level)
{
    if (level >= 0) /* tracing */
        return;
    if (jpeg->err->num_warnings++ > 0)
        return;
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    on_warning(engine_mupdf_context_state(), message);
}

#if ENGINE_MUPDF_IS_SHARED

#include <dlfcn.h>

/* A definition in the executable goes before the library's. */
struct jpeg_error_mgr *jpeg_std_error(struct jpeg_error_mgr *errors)
{
    struct jpeg_error_mgr *(*real)(struct jpeg_error_mgr *);
    *(void **)&real = dlsym(RTLD_NEXT, "jpeg_std_error");
    real(errors);
    errors->emit_message = on_jpeg_message;
    return errors;
}

#else

struct jpeg_error_mgr *__real_jpeg_std_error(struct jpeg_error_mgr *errors);
struct jpeg_error_mgr *__wrap_jpeg_std_error(struct jpeg_error_mgr *errors);

/* The linker (--wrap) sends MuPDF's own calls here. */
struct jpeg_error_mgr *__wrap_jpeg_std_error(struct jpeg_error_mgr *errors)
{
    __real_jpeg_std_error(errors);
    errors->emit_message = on_jpeg_message;
    return errors;
}

#endif
