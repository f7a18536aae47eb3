/* document.h - what the user asked to see: a file opened by the broker, or an about: page; and what it was given.
 *
 * Reference-counted: several tabs may show one document. The broker opens the file and never reads a byte of its
 * content. Files the document asks for are opened beneath its directory only (file_access.c); every grant and refusal
 * is kept here as its audit trail.
 */
#ifndef BULKHEAD_DOCUMENT_H
#define BULKHEAD_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "broker/document/document_warnings.h"
#include "to_renderer.pb-c.h"

struct document;

enum document_problem {
    DOCUMENT_OK,
    DOCUMENT_NOT_FOUND,
    DOCUMENT_NO_PERMISSION,
    DOCUMENT_IS_DIRECTORY,
    DOCUMENT_NOT_REGULAR, /* FIFO, device, socket */
    DOCUMENT_EMPTY,
    DOCUMENT_NO_SUCH_PAGE, /* unknown about: page is for the renderer to say; this is a malformed location */
    DOCUMENT_SYSTEM_ERROR, /* see errno_value */
};

struct document_grant {
    char path[256]; /* escaped, clipped */
    Bulkhead__OpenFileReply__Status status;
    uint64_t size_bytes;
};

/* Opens `location`: a path, "-" (standard input, copied to memory), or "about:…". DOCUMENT_OK with a reference owned by
 * the caller; else the problem, and errno. Does not block on FIFOs. Standard input is waited for, until a blocked
 * SIGINT or SIGTERM is pending: then errno is EINTR. */
enum document_problem document_open(const char *location, struct document **ret_document);
/* "attack:NAME", which no command line leads to and only bulkhead-attacker understands, with this end of the shared
 * buffer. NULL without memory. */
struct document *document_open_attack(const char *name, Bulkhead__Navigate__SharedBuffer shared_end);
struct document *document_ref(struct document *document);
void document_unref(struct document *document); /* takes NULL */

const char *document_problem_text(enum document_problem problem); /* "is a directory", … */

const char *document_location(const struct document *document); /* as given */
const char *document_name(const struct document *document);     /* last component or about: url, escaped for display */
const char *document_url(const struct document *document);      /* "about:…", or "" for a file */
/* The end of the shared buffer it is to have (shared_buffer.h): NONE for every file. */
Bulkhead__Navigate__SharedBuffer document_shared_end(const struct document *document);
uint64_t document_size_bytes(const struct document *document);
/* A new read-only fd on the file with an offset of its own (owned), -1 for about: pages, -errno on failure. */
int document_dup_fd(const struct document *document);
/* Directory for relative files, borrowed; -1 when there is none (about:, standard input, files disabled). */
int document_directory_fd(const struct document *document);
void document_disable_files(struct document *document);

/* Identity for quarantine: the same file with the same content has the same identity ("dev:ino:size:mtime"). */
const char *document_identity(const struct document *document);

void document_record_grant(struct document *document, const void *path, size_t path_bytes,
                           Bulkhead__OpenFileReply__Status status, uint64_t size_bytes);
/* No room for more: what is granted now would leave no trace. */
bool document_trail_is_full(const struct document *document);
const struct document_grant *document_grants(const struct document *document, size_t *ret_count);
const char *document_grant_status_name(Bulkhead__OpenFileReply__Status status); /* "granted", "outside", … */

/* What its renderers' engines complained of. Borrowed. */
struct document_warnings *document_warnings(struct document *document);

#endif
