/* sandbox_json.h - the sandbox page for programs. */
#ifndef BULKHEAD_SANDBOX_JSON_H
#define BULKHEAD_SANDBOX_JSON_H

#include <jansson.h>

#include "broker/observe/sandbox_page.h"

/* {"score": {"in_force", "seen", "claimed", "total", "not_in_force": [NAME…]}, "host": {…}, "processes": [{"role",
 * "pid", "renderer" (or null), "what", "layers": [{"name", "wanted", "observed", "is_bad", "outside": {"verdict",
 * "error", "evidence"}, "word": {"verdict", "evidence"}}…]}…]}; a new reference, NULL without memory. */
json_t *sandbox_json(const struct sandbox_page *page);

#endif
