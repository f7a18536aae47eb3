/* How a document gets at the files beside it: MuPDF asks an fz_archive, the archive asks the host, the host the broker.
 *
 * Paths reach the broker as MuPDF makes them: percent-decoded and cleaned ("./a//b" is "a/b"), "..", schemes and
 * the slashes before a host still in them. Whether a path may be opened is the broker's business alone. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "common/fd.h"
#include "renderer/engine/engine_mupdf_document.h"

/* MuPDF from 1.24 on takes the directory as an argument. */
#define HAVE_DIRECTORY_ARGUMENT (FZ_VERSION_MAJOR > 1 || FZ_VERSION_MINOR >= 24)

struct files {
    fz_archive super;
    const struct engine_host *host;
};

/* Always yes: MuPDF opens what its archive lacks by path itself (fonts of @font-face), which nothing in the cell may.
 * It also saves a question before every read. */
static int files_has_entry(fz_context *ctx, fz_archive *archive, const char *name)
{
    (void)ctx, (void)archive, (void)name;
    return 1;
}

/* The bytes are copied: MuPDF patches some JPEG headers in place, and a mapping would have to be kept with the buffer.
 */
static fz_buffer *copy_file(fz_context *ctx, int fd, uint64_t size_bytes, const char *name)
{
    if (size_bytes == 0)
        return fz_new_buffer(ctx, 1);
    void *mapping = size_bytes > SIZE_MAX / 2 ? MAP_FAILED : mmap(NULL, size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapping == MAP_FAILED)
        fz_throw(ctx, FZ_ERROR_GENERIC, "cannot map %s: %s", name, strerror(errno));
    fz_buffer *buffer = NULL;
    fz_var(buffer);
    fz_try(ctx)
        buffer = fz_new_buffer_from_copied_data(ctx, mapping, size_bytes);
    fz_always(ctx)
        munmap(mapping, size_bytes);
    fz_catch(ctx)
        fz_rethrow(ctx);
    return buffer;
}

static fz_buffer *files_read_entry(fz_context *ctx, fz_archive *archive, const char *name)
{
    const struct engine_host *host = ((struct files *)archive)->host;
    int fd = -1;
    uint64_t size_bytes = 0;
    int r = host->open_file(host->session, name, &fd, &size_bytes);
    if (r < 0)
        fz_throw(ctx, FZ_ERROR_GENERIC, "cannot open %s: %s", name, strerror(-r));
    fz_buffer *buffer = NULL;
    fz_var(buffer);
    fz_try(ctx)
        buffer = copy_file(ctx, fd, size_bytes, name);
    fz_always(ctx)
        fd_close(&fd);
    fz_catch(ctx)
        fz_rethrow(ctx);
    return buffer;
}

static fz_stream *files_open_entry(fz_context *ctx, fz_archive *archive, const char *name)
{
    fz_buffer *buffer = files_read_entry(ctx, archive, name);
    fz_stream *stream = NULL;
    fz_var(stream);
    fz_try(ctx)
        stream = fz_open_buffer(ctx, buffer);
    fz_always(ctx)
        fz_drop_buffer(ctx, buffer);
    fz_catch(ctx)
        fz_rethrow(ctx);
    return stream;
}

fz_archive *engine_mupdf_files_open(fz_context *ctx, const struct engine_host *host)
{
    struct files *files = fz_new_derived_archive(ctx, NULL, struct files);
    files->super.format = "host";
    files->super.has_entry = files_has_entry;
    files->super.read_entry = files_read_entry;
    files->super.open_entry = files_open_entry;
    files->host = host;
    return &files->super;
}

#if HAVE_DIRECTORY_ARGUMENT

fz_document *engine_mupdf_files_open_document(fz_context *ctx, const struct engine_host *host, const char *media_type,
                                              fz_stream *stream)
{
    fz_archive *directory = engine_mupdf_files_open(ctx, host);
    fz_document *document = NULL;
    fz_var(document);
    fz_try(ctx)
        document = fz_open_document_with_stream_and_dir(ctx, media_type, stream, directory);
    fz_always(ctx)
        fz_drop_archive(ctx, directory);
    fz_catch(ctx)
        fz_rethrow(ctx);
    return document;
}

#else

/* What it is has been decided. MuPDF 1.23 would look into it once more and take whatever speaks of SVG in its first
 * lines for a picture of that kind, whichever type it is told. */
static fz_document *files_open_as(fz_context *ctx, const char *media_type, fz_stream *stream)
{
    const fz_document_handler *handler = fz_recognize_document(ctx, media_type);
    if (!handler || !handler->open_with_stream)
        fz_throw(ctx, FZ_ERROR_GENERIC, "nothing here opens %s", media_type);
    return handler->open_with_stream(ctx, stream);
}

fz_document *engine_mupdf_files_open_document(fz_context *ctx, const struct engine_host *host, const char *media_type,
                                              fz_stream *stream)
{
    fz_document *document = NULL;
    fz_var(document);
    fz_set_user_context(ctx, (void *)(uintptr_t)host);
    fz_try(ctx)
        document = files_open_as(ctx, media_type, stream);
    fz_always(ctx)
        fz_set_user_context(ctx, NULL);
    fz_catch(ctx)
        fz_rethrow(ctx);
    return document;
}

#endif

#if ENGINE_MUPDF_IS_SHARED

#include <dlfcn.h>

#define OPEN_DIRECTORY fz_open_directory
#define OPEN_FILE      fz_open_file
#define TRY_OPEN_FILE  fz_try_open_file
#define CLEAN_NAME     fz_cleanname

static char *clean_name(char *name)
{
    char *(*real)(char *);
    *(void **)&real = dlsym(RTLD_NEXT, "fz_cleanname");
    return real(name);
}

#else

#define OPEN_DIRECTORY __wrap_fz_open_directory
#define OPEN_FILE      __wrap_fz_open_file
#define TRY_OPEN_FILE  __wrap_fz_try_open_file
#define CLEAN_NAME     __wrap_fz_cleanname

char *__real_fz_cleanname(char *name);

static char *clean_name(char *name)
{
    return __real_fz_cleanname(name);
}

#endif

fz_archive *OPEN_DIRECTORY(fz_context *ctx, const char *path);
fz_stream *OPEN_FILE(fz_context *ctx, const char *path);
fz_stream *TRY_OPEN_FILE(fz_context *ctx, const char *path);
char *CLEAN_NAME(char *name);

/* HTML from a stream opens "." beside it where it cannot be given a directory. */
fz_archive *OPEN_DIRECTORY(fz_context *ctx, const char *path)
{
    const struct engine_host *host = fz_user_context(ctx);
    if (!host)
        fz_throw(ctx, FZ_ERROR_GENERIC, "cannot open %s: no directories in here", path);
    return engine_mupdf_files_open(ctx, host);
}

/* Nothing is opened by path in here; an EPUB's @font-face that its archive lacks would be. */
fz_stream *OPEN_FILE(fz_context *ctx, const char *path)
{
    fz_throw(ctx, FZ_ERROR_GENERIC, "cannot open %s: not in the document", path);
}

fz_stream *TRY_OPEN_FILE(fz_context *ctx, const char *path)
{
    (void)ctx, (void)path;
    return NULL;
}

/* Markup is opened in the directory ".", so that "//host/x.png" arrives as ".///host/x.png". Cleaned it would be a file
 * of our own; the broker shall see that another machine was meant. From 1.24 on an archive cleans every name again:
 * what was found to be another machine's stays so. */
char *CLEAN_NAME(char *name)
{
    if (strncmp(name, ".///", 4) == 0)
        memmove(name, name + 2, strlen(name + 2) + 1);
    return strncmp(name, "//", 2) == 0 ? name : clean_name(name);
}
