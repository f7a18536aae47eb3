/* fuzz_crash_report.c - a file from the directory of crash reports, written by anybody.
 *
 * What is taken must be harmless when shown, and read back as the same report when it is written again.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/crash/crash_report.h"
#include "tests/fuzz/require.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require_harmless(const char *text)
{
    for (; *text != '\0'; text++)
        require((unsigned char)*text >= 0x20 ? *text != 0x7f : *text == '\n');
}

static char *dump(const struct crash_report *report)
{
    json_t *object = crash_report_json(report);
    char *text = object != NULL ? json_dumps(object, 0) : NULL;

    require(text != NULL);
    json_decref(object);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crash_report *report, *again;
    char why[256] = "";

    if (crash_report_parse(data, size, &report, why, sizeof why) < 0) {
        require(why[0] != '\0');
        require_harmless(why);
        return 0;
    }
    char *text = crash_report_text(report, NULL), *first = dump(report);
    require(text != NULL);
    require_harmless(text);
    require_harmless(first);
    require(crash_report_parse(first, strlen(first), &again, why, sizeof why) == 0);
    char *second = dump(again);
    require(strcmp(first, second) == 0);
    free(text);
    free(first);
    free(second);
    crash_report_free(report);
    crash_report_free(again);
    return 0;
}
