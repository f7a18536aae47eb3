#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/command/cli_lines.h"
#include "broker/command/cmd_render.h"
#include "broker/command/exit_codes.h"
#include "common/text.h"

static const char help[] =
    "Usage: bulkhead render [OPTION...] FILE...\n"
    "\n"
    "Paints pages, each FILE in a sandboxed renderer of its own. Without -o the pages of report.pdf go to\n"
    "report-001.png and so on, in the working directory.\n"
    "\n"
    "  -o, --output OUT          where to: a file, - for standard output, or a pattern with %d or %03d\n"
    "                            for the page and %s for the input's name; OUT.png becomes OUT-001.png\n"
    "                            for several pages\n"
    "  -p, --pages RANGE         1-3,5 or 7- or -1 (the last) or 5-1 (backwards); default: all\n"
    "  -r, --dpi N               resolution (default 96)\n"
    "  -w, --width PX            fit into this width; with --dpi: no wider than this\n"
    "      --height PX           fit into this height; with --dpi: no higher than this\n"
    "      --rotate DEGREES      turn clockwise\n"
    "  -f, --format FORMAT       png, ppm or raw (RGB, 8 bits); default: by the extension of OUT, else\n"
    "                            png\n"
    "      --png-level N         0 (fast) to 9 (small); default: zlib's\n" CLI_DOCUMENT_HELP
    "      --json                the results as a JSON object on standard output\n"
    "      --progress            say how far it is, also without a terminal\n"
    "  -q, --quiet               no progress and no summary; errors and warnings only\n" CLI_AUDIT_HELP CLI_RECORD_HELP
        CLI_COMMON_HELP "\n"
    "FILE may be - for standard input or an about: page. See also: bulkhead help exit-codes.\n";

enum {
    OPTION_HEIGHT = CLI_OPTION_OWN,
    OPTION_ROTATE,
    OPTION_PNG_LEVEL,
    OPTION_PROGRESS,
    OPTION_CRASH_TEST,
};

static const struct option long_options[] = {
    CLI_COMMON_OPTIONS,
    CLI_DOCUMENT_OPTIONS,
    {"output", required_argument, NULL, 'o'},
    {"pages", required_argument, NULL, 'p'},
    {"dpi", required_argument, NULL, 'r'},
    {"width", required_argument, NULL, 'w'},
    {"height", required_argument, NULL, OPTION_HEIGHT},
    {"rotate", required_argument, NULL, OPTION_ROTATE},
    {"format", required_argument, NULL, 'f'},
    {"png-level", required_argument, NULL, OPTION_PNG_LEVEL},
    {"progress", no_argument, NULL, OPTION_PROGRESS},
    {"quiet", no_argument, NULL, 'q'},
    {"audit", no_argument, NULL, CLI_OPTION_AUDIT},
    {"record", required_argument, NULL, CLI_OPTION_RECORD},
    {"crash-test", required_argument, NULL, OPTION_CRASH_TEST},
    {NULL, 0, NULL, 0},
};

/* What cannot be judged before all options are known. */
struct raw_options {
    const char *output, *pages;
    bool has_format;
};

static int bad_value(const char *name, const char *argument, const char *expected)
{
    char shown[128];
    text_escape(shown, sizeof(shown), argument, strlen(argument));
    cli_usage_error("render", "--%s %s: expected %s", name, shown, expected);
    return -EINVAL;
}

static int parse_extent(const char *name, const char *argument, uint32_t *ret_px)
{
    uint64_t px;
    if (!cli_parse_number(argument, 1, FRAME_EDGE_PX, &px))
        return bad_value(name, argument, "pixels from 1 to 200000");
    *ret_px = (uint32_t)px;
    return 0;
}

static int parse_dpi(const char *argument, float *ret_dpi)
{
    double dpi;
    if (!cli_parse_decimal(argument, 1, 9600, &dpi))
        return bad_value("dpi", argument, "a number from 1 to 9600");
    *ret_dpi = (float)dpi;
    return 0;
}

static int parse_rotate(const char *argument, float *ret_degrees)
{
    double degrees;
    bool is_negative = *argument == '-';
    if (!cli_parse_decimal(argument + is_negative, 0, 360, &degrees))
        return bad_value("rotate", argument, "degrees from -360 to 360");
    *ret_degrees = (float)(is_negative ? -degrees : degrees);
    return 0;
}

static int parse_png_level(const char *argument, int *ret_level)
{
    uint64_t level;
    if (!cli_parse_number(argument, 0, 9, &level))
        return bad_value("png-level", argument, "a number from 0 to 9");
    *ret_level = (int)level;
    return 0;
}

/* "wild-write" is WILD_WRITE, "wild-write,every" not for an input's first renderer only. */
static int parse_crash_test(const char *argument, struct batch_options *batch)
{
    char name[32] = "";
    const char *comma = strchr(argument, ',');
    size_t length = comma ? (size_t)(comma - argument) : strlen(argument);
    batch->crash_every = comma && strcmp(comma, ",every") == 0;
    if (comma && !batch->crash_every)
        return bad_value("crash-test", argument, "KIND or KIND,every");
    for (size_t i = 0; i < length && i < sizeof(name) - 1; i++)
        name[i] = argument[i] == '-' ? '_' : (char)toupper((unsigned char)argument[i]);
    const ProtobufCEnumValue *value =
        protobuf_c_enum_descriptor_get_value_by_name(&bulkhead__crash_test__kind__descriptor, name);
    if (!value)
        return bad_value("crash-test", argument, "a kind of crash test, such as wild-write");
    batch->has_crash_test = true;
    batch->crash_test = (Bulkhead__CrashTest__Kind)value->value;
    return 0;
}

static int parse_own(struct render_options *options, struct raw_options *raw, int option, const char *argument)
{
    struct batch_options *batch = &options->batch;
    switch (option) {
    case 'o':
        raw->output = argument;
        return 0;
    case 'p':
        raw->pages = argument;
        return 0;
    case 'r':
        return parse_dpi(argument, &batch->size.dpi);
    case 'w':
        return parse_extent("width", argument, &batch->size.width_px);
    case OPTION_HEIGHT:
        return parse_extent("height", argument, &batch->size.height_px);
    case OPTION_ROTATE:
        return parse_rotate(argument, &batch->size.rotate_deg);
    case 'f':
        raw->has_format = true;
        return encode_format_parse(argument, &batch->encode.format) ? 0
                                                                    : bad_value("format", argument, "png, ppm or raw");
    case OPTION_PNG_LEVEL:
        return parse_png_level(argument, &batch->encode.png_level);
    case OPTION_PROGRESS:
        options->progress = true;
        return 0;
    case 'q':
        options->quiet = true;
        return 0;
    case OPTION_CRASH_TEST:
        return parse_crash_test(argument, batch);
    default:
        return 1;
    }
}

static const struct cli_syntax syntax = {
    .command = "render", .letters = ":o:p:r:w:f:j:qh", .options = long_options, .help = help};

static int parse_all(int argc, char **argv, struct render_options *options, struct raw_options *raw, int *ret_exit_code)
{
    int option;
    optind = 0;
    *ret_exit_code = EXIT_CODE_USAGE;
    while ((option = cli_next_option(&syntax, argc, argv, ret_exit_code)) != -1) {
        if (option == CLI_OPTION_ENDS)
            return 1;
        int r = cli_common_option(&options->common, "render", option, optarg);
        if (r == 1)
            r = cli_document_option(&options->document, "render", option, optarg);
        if (r == 1)
            r = parse_own(options, raw, option, optarg);
        if (r == -EIO)
            *ret_exit_code = EXIT_CODE_UNREADABLE;
        if (r != 0)
            return 1;
    }
    options->inputs = argv + optind;
    options->input_count = (size_t)(argc - optind);
    return 0;
}

static int check_inputs(const struct render_options *options)
{
    size_t standard_inputs = 0;
    if (options->input_count == 0)
        return cli_usage_error("render", "which file?");
    for (size_t i = 0; i < options->input_count; i++)
        standard_inputs += strcmp(options->inputs[i], "-") == 0;
    return standard_inputs > 1 ? cli_usage_error("render", "standard input can be read only once") : 0;
}

static int make_pages(struct render_options *options, const char *text)
{
    char shown[128];
    size_t offset = 0;
    int r = page_range_parse(text, &options->pages, &offset);
    if (r == -ENOMEM)
        return EXIT_CODE_INTERNAL;
    if (r == 0)
        return 0;
    const char *rest = text ? text + offset : "";
    text_escape(shown, sizeof(shown), rest, strlen(rest));
    return *shown ? cli_usage_error("render", "--pages: not understood from \"%s\" on", shown)
                  : cli_usage_error("render", "--pages: a number is missing at the end");
}

/* Extensions that promise a format which is not written here. */
static bool is_another_format(const char *extension)
{
    static const char *const others[] = {"jpg", "jpeg", "jpe", "gif",  "webp", "tif",  "tiff", "bmp", "svg",
                                         "pdf", "avif", "jp2", "heic", "jxl",  "html", "txt",  "ps",  "eps"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (strcasecmp(extension, others[i]) == 0)
            return true;
    return false;
}

/* 0, or EXIT_CODE_USAGE: a PNG under the name of a JPEG is not what anybody means. */
static int format_by_extension(struct render_options *options, const char *output)
{
    char shown[128];
    const char *dot = strrchr(output, '.');
    if (!dot || strchr(dot, '/') || encode_format_parse(dot + 1, &options->batch.encode.format))
        return 0;
    if (!is_another_format(dot + 1))
        return 0;
    text_escape(shown, sizeof(shown), dot, strlen(dot));
    return cli_usage_error("render",
                           "--output: \"%s\" is not written here: name OUT .png, .ppm or .raw, or say --format", shown);
}

static int check_stdout(const struct render_options *options)
{
    if (options->common.json)
        return cli_usage_error("render", "--json and -o - both want standard output");
    if (isatty(STDOUT_FILENO))
        return cli_usage_error("render", "-o - needs a pipe or a file: pictures do not go to a terminal");
    return 0;
}

/* "OUT-001" beside a directory OUT is not what anybody means. */
static int check_not_directory(const char *output)
{
    char shown[256];
    struct stat st;
    size_t length = strlen(output);
    bool ends_in_slash = length > 0 && output[length - 1] == '/';
    if (!ends_in_slash && (stat(output, &st) < 0 || !S_ISDIR(st.st_mode)))
        return 0;
    text_escape(shown, sizeof(shown), output, length - ends_in_slash);
    cli_message("cannot write %s: is a directory (name files in it with a pattern, such as -o %s/%%s-%%03d.png)", shown,
                shown);
    return EXIT_CODE_OUTPUT_IS_DIRECTORY;
}

static int make_output(struct render_options *options, const struct raw_options *raw)
{
    if (raw->output && strcmp(raw->output, "-") == 0) {
        options->batch.to_stdout = true;
        return check_stdout(options);
    }
    int r = raw->output ? check_not_directory(raw->output) : 0;
    if (r != 0)
        return r;
    if (raw->output && !raw->has_format)
        r = format_by_extension(options, raw->output);
    if (r != 0)
        return r;
    const char *why = NULL;
    const char *extension = encode_format_extension(options->batch.encode.format);
    r = output_name_parse(raw->output, extension, &options->output, &why);
    if (r == -ENOMEM)
        return EXIT_CODE_INTERNAL;
    if (r < 0)
        return cli_usage_error("render", "--output: %s", why);
    if (options->input_count > 1 && !output_name_has_input(options->output))
        return cli_usage_error("render", "--output: several inputs need %%s in OUT for their names");
    return 0;
}

static void fill_batch(struct render_options *options)
{
    struct batch_options *batch = &options->batch;
    batch->broker = options->common.broker;
    batch->broker.allow_crash_tests = batch->has_crash_test;
    batch->broker.spares = options->input_count > 1 ? 1 : 0; /* one input has no next one to be quick for */
    batch->jobs = options->document.jobs;
    batch->timeout_ms = options->common.timeout_ms;
    batch->password = options->document.password;
    batch->layout_width_pt = options->document.layout_width_pt;
    batch->layout_height_pt = options->document.layout_height_pt;
    batch->layout_em_pt = options->document.layout_em_pt;
    batch->no_files = options->document.no_files;
    batch->paint = true;
    batch->backtraces = options->common.json;
    batch->pages = options->pages;
    batch->output_name = options->output;
}

int render_options_parse(int argc, char **argv, struct render_options *options, int *ret_exit_code)
{
    struct raw_options raw = {0};
    *options = (struct render_options){.batch = {.encode = {ENCODE_PNG, ENCODE_PNG_LEVEL_DEFAULT, 0}}};
    cli_common_init(&options->common);
    cli_document_init(&options->document);
    int r = parse_all(argc, argv, options, &raw, ret_exit_code);
    if (r == 0)
        *ret_exit_code = r = check_inputs(options);
    if (r == 0)
        *ret_exit_code = r = make_pages(options, raw.pages);
    if (r == 0)
        *ret_exit_code = r = make_output(options, &raw);
    if (r == 0)
        *ret_exit_code = r = cli_common_check(&options->common, options->inputs, options->input_count);
    if (r != 0) {
        render_options_fini(options);
        return r;
    }
    fill_batch(options);
    return 0;
}

void render_options_fini(struct render_options *options)
{
    page_range_free(options->pages);
    output_name_free(options->output);
    cli_document_fini(&options->document);
    options->pages = NULL;
    options->output = NULL;
}
