#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker/command/cast.h"
#include "broker/command/cmd.h"
#include "broker/command/exit_codes.h"
#include "common/text.h"

enum {
    OPTION_FIFO = CLI_OPTION_OWN,
    OPTION_FPS,
    OPTION_SIZE,
    OPTION_FRAMES,
    OPTION_CHROMA,
    OPTION_ONCE,
    EDGE_LEAST_PX = 16,
    EDGE_MOST_PX = 8192,
    FPS_MOST = 240,
};

static const char help[] =
    "Usage: bulkhead cast [OPTION...] [--fifo PATH | -o -] FILE\n"
    "\n"
    "Streams what a tab shows as YUV4MPEG2, which mpv and ffmpeg play or record while it is being made.\n"
    "Readers of the FIFO come and go; each gets a stream of its own. A slow one makes frames drop.\n"
    "\n"
    "      --fifo PATH           into this FIFO, which is made if it is not there\n"
    "  -o, --output -            into standard output (the default if that is no terminal)\n"
    "      --fps N               frames a second, 1 to 240 (30)\n"
    "      --size WxH            of the video in pixels, 16 to 8192 (640x480)\n"
    "      --frames N            end after so many frames\n"
    "      --chroma 420|444      colour for every four pixels, or for each (420)\n"
    "      --once                end when the first reader goes\n"
    "  -p, --page N              of a document with pages (1)\n"
    "      --json                with --fifo: what was done as a JSON object on standard output\n" CLI_DOCUMENT_HELP
        CLI_COMMON_HELP "\n"
    "FILE may be - for standard input or an about: page (about:about lists them).\n";

static const struct option long_options[] = {
    {"fifo", required_argument, NULL, OPTION_FIFO},
    {"output", required_argument, NULL, 'o'},
    {"fps", required_argument, NULL, OPTION_FPS},
    {"size", required_argument, NULL, OPTION_SIZE},
    {"frames", required_argument, NULL, OPTION_FRAMES},
    {"chroma", required_argument, NULL, OPTION_CHROMA},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"page", required_argument, NULL, 'p'},
    CLI_COMMON_OPTIONS,
    CLI_DOCUMENT_OPTIONS,
    {NULL, 0, NULL, 0},
};

static int bad_value(const char *option, const char *argument, const char *expected)
{
    char shown[128];

    text_escape(shown, sizeof(shown), argument, strlen(argument));
    cli_usage_error("cast", "--%s takes %s, not \"%s\"", option, expected, shown);
    return -EINVAL;
}

static int parse_size(const char *argument, struct cast_format *format)
{
    double width, height;

    if (!cli_parse_pair(argument, EDGE_LEAST_PX, EDGE_MOST_PX, &width, &height) || (double)(uint32_t)width < width ||
        (double)(uint32_t)height < height)
        return bad_value("size", argument, "WxH in pixels, 16 to 8192 each");
    format->width_px = (uint32_t)width;
    format->height_px = (uint32_t)height;
    return 0;
}

static int parse_chroma(const char *argument, struct cast_format *format)
{
    if (strcmp(argument, "420") == 0)
        format->chroma = YUV_420;
    else if (strcmp(argument, "444") == 0)
        format->chroma = YUV_444;
    else
        return bad_value("chroma", argument, "420 or 444");
    return 0;
}

/* 0: taken. 1: none of ours. -EINVAL: bad, and said. */
static int parse_own_option(int option, const char *argument, struct cast_options *options, bool *is_stdout_named)
{
    uint64_t number;

    switch (option) {
    case OPTION_FIFO:
        options->fifo_path = argument;
        return *argument ? 0 : bad_value("fifo", argument, "a path");
    case 'o':
        *is_stdout_named = true;
        return strcmp(argument, "-") == 0 ? 0 : bad_value("output", argument, "- (and --fifo a path)");
    case OPTION_FPS:
        if (!cli_parse_number(argument, 1, FPS_MOST, &number))
            return bad_value("fps", argument, "a number from 1 to 240");
        options->format.frames_per_second = (uint32_t)number;
        return 0;
    case OPTION_SIZE:
        return parse_size(argument, &options->format);
    case OPTION_FRAMES:
        return cli_parse_number(argument, 1, UINT32_MAX, &options->frames)
                   ? 0
                   : bad_value("frames", argument, "a number from 1 on");
    case OPTION_CHROMA:
        return parse_chroma(argument, &options->format);
    case OPTION_ONCE:
        options->once = true;
        return 0;
    case 'p':
        if (!cli_parse_number(argument, 1, UINT32_MAX, &number))
            return bad_value("page", argument, "one page's number");
        options->page = (uint32_t)number - 1;
        return 0;
    default:
        return 1;
    }
}

/* EXIT_CODE_OK, or the code with the reason said. */
static int check(const struct cast_options *options, bool is_stdout_named, char **inputs, int input_count)
{
    if (input_count != 1)
        return cli_usage_error("cast", input_count == 0 ? "which file?" : "one file at a time");
    if (strcmp(options->input, "-") == 0 && isatty(STDIN_FILENO))
        return cli_usage_error("cast", "- stands for what is piped in, and nothing is");
    if (options->fifo_path != NULL && is_stdout_named)
        return cli_usage_error("cast", "either --fifo or -o -, not both");
    if (options->fifo_path == NULL && options->common.json)
        return cli_usage_error("cast", "--json needs --fifo: standard output is the video's");
    if (options->fifo_path == NULL && isatty(STDOUT_FILENO))
        return cli_usage_error("cast", "the video cannot go to a terminal; pipe it into mpv - or say --fifo PATH");
    return cli_common_check(&options->common, inputs, 1);
}

static const struct cli_syntax syntax = {
    .command = "cast", .letters = ":o:p:j:h", .options = long_options, .help = help};

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct cast_options *options)
{
    bool is_stdout_named = false;
    int option, code;

    optind = 0;
    while ((option = cli_next_option(&syntax, argc, argv, &code)) != -1) {
        if (option == CLI_OPTION_ENDS)
            return code;
        int r = parse_own_option(option, optarg, options, &is_stdout_named);
        if (r == 1 && (r = cli_common_option(&options->common, "cast", option, optarg)) == 1)
            r = cli_document_option(&options->document, "cast", option, optarg);
        if (r != 0)
            return r == -EIO ? EXIT_CODE_UNREADABLE : EXIT_CODE_USAGE;
    }
    options->input = argv[optind];
    code = check(options, is_stdout_named, argv + optind, argc - optind);
    return code == EXIT_CODE_OK ? -1 : code;
}

int cmd_cast(int argc, char **argv)
{
    struct cast_options options = {
        .format = {.width_px = 640, .height_px = 480, .frames_per_second = 30, .chroma = YUV_420}};

    cli_common_init(&options.common);
    cli_document_init(&options.document);
    int code = parse(argc, argv, &options);
    if (code < 0)
        code = cast_run(&options);
    cli_document_fini(&options.document);
    return code;
}
