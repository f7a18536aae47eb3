#include "renderer/crash_test.h"

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "renderer/crash_handler.h"

/* Kept out of line, and never a tail call: each is a frame of the backtrace. */
#define CRASH_TEST_FRAME __attribute__((noinline, noclone, optimize("no-optimize-sibling-calls")))
#ifdef __clang__
#undef CRASH_TEST_FRAME
#define CRASH_TEST_FRAME __attribute__((noinline))
#endif

/* Undefined on purpose, so no sanitizer may turn it into something else. */
#define CRASH_TEST_UNCHECKED __attribute__((no_sanitize("undefined", "address")))

enum {
    /* Not mapped on any machine of ours: the first page is kept free by the kernel (vm.mmap_min_addr). */
    CRASH_TEST_WILD_ADDRESS = 0x10,
    CRASH_TEST_CHUNK_BYTES = 4 * 1024 * 1024,
    CRASH_TEST_PAGE_BYTES = 4096,
    CRASH_TEST_FRAME_BYTES = 4096,
};

/* Read back by nobody; keeps the compiler from leaving work out. */
static volatile uintptr_t crash_test_sink;

static CRASH_TEST_FRAME CRASH_TEST_UNCHECKED void crash_test_write_pixel(volatile uint8_t *row, unsigned x)
{
    row[x] = 0xff;
}

static CRASH_TEST_FRAME void crash_test_decode_tile(uintptr_t address)
{
    volatile uintptr_t row = address; /* the compiler must not see that this is no object */

    crash_test_write_pixel((volatile uint8_t *)row, 0);
    crash_test_sink++;
}

static CRASH_TEST_FRAME void crash_test_wild_write(void)
{
    crash_test_decode_tile(CRASH_TEST_WILD_ADDRESS);
    crash_test_sink++;
}

static CRASH_TEST_FRAME void crash_test_abort(void)
{
    abort();
}

/* No tail call: what comes after the call needs the frame. */
static CRASH_TEST_FRAME uintptr_t crash_test_nest(uintptr_t depth)
{
    volatile unsigned char frame[CRASH_TEST_FRAME_BYTES];

    frame[depth % sizeof(frame)] = (unsigned char)depth;
    crash_test_sink = depth;
    if (depth == UINTPTR_MAX)
        return 0; /* the stack ends long before */
    return crash_test_nest(depth + 1) + frame[depth % sizeof(frame)];
}

static CRASH_TEST_FRAME void crash_test_spin(void)
{
    for (;;)
        crash_test_sink++;
}

/* Memory that is only reserved costs nothing: each page is written to. */
static CRASH_TEST_FRAME void crash_test_devour(void)
{
    for (;;) {
        volatile unsigned char *chunk = malloc(CRASH_TEST_CHUNK_BYTES);

        if (!chunk)
            crash_handler_out_of_memory(CRASH_TEST_CHUNK_BYTES);
        for (size_t i = 0; i < CRASH_TEST_CHUNK_BYTES; i += CRASH_TEST_PAGE_BYTES)
            chunk[i] = 1;
    }
}

static CRASH_TEST_FRAME void crash_test_open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    crash_test_sink = (uintptr_t)fd;
    if (fd >= 0)
        close(fd);
}

/* A frame that says it is longer than any may be. Written past the channel, whose own sender would not. */
static CRASH_TEST_FRAME void crash_test_send_oversized(struct session_channel *channel)
{
    unsigned char packet[8] = {0xff, 0xff, 0xff, 0x7f};
    struct iovec iov = {.iov_base = packet, .iov_len = sizeof(packet)};
    struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
    struct pollfd pollfd = {.fd = session_channel_fd(channel), .events = POLLOUT};

    while (sendmsg(session_channel_fd(channel), &header, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        ppoll(&pollfd, 1, NULL, NULL);
}

/* Waits for what never comes, without a system call of its own that the policy would have to allow. */
static CRASH_TEST_FRAME void crash_test_stand_still(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;

    pthread_mutex_lock(&lock);
    for (;;)
        pthread_cond_wait(&never, &lock);
}

/* Stopped as by a debugger. Where the policy refuses the signal, as still as that: the main thread stands at the mutex
 * as soon as it has something to do. */
static CRASH_TEST_FRAME void crash_test_stop(struct session_channel *channel)
{
    raise(SIGSTOP);
    session_channel_seize(channel);
    crash_test_stand_still();
}

static CRASH_TEST_FRAME void crash_test_flood(struct session_channel *channel)
{
    static const char text[] = "flood";
    Bulkhead__Log message = BULKHEAD__LOG__INIT;
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;

    message.text = codec_bytes(text, sizeof(text) - 1);
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_LOG;
    envelope.log = &message;
    for (;;)
        if (session_channel_queue(channel, &envelope) == CHANNEL_FULL)
            session_channel_send(channel, &envelope);
}

static CRASH_TEST_FRAME CRASH_TEST_UNCHECKED void crash_test_divide(volatile int divisor)
{
#if defined(__x86_64__) || defined(__i386__)
    crash_test_sink = (uintptr_t)(1000 / divisor); // NOLINT(clang-analyzer-core.DivideZero): it is meant to
#else
    /* Elsewhere dividing by zero yields zero; a trap is as near as it gets. */
    if (divisor == 0)
        __builtin_trap();
#endif
}

static CRASH_TEST_FRAME CRASH_TEST_UNCHECKED void crash_test_call_null(void)
{
    void (*volatile decoder)(void) = NULL;

    decoder(); // NOLINT(clang-analyzer-core.CallAndMessage): it is meant to
    crash_test_sink++;
}

/* The worst a handler can be handed: no stack to copy from and no frame to walk. One that reads either without care
 * faults in its turn, and the kernel ends the process at once. */
static CRASH_TEST_FRAME void crash_test_lose_the_stack(void)
{
#if defined(__x86_64__)
    __asm__ volatile("mov $0x18, %%rbp\n\t"
                     "mov $0x10, %%rsp\n\t"
                     "movb $1, (%%rbp)\n\t" ::
                         : "memory");
#elif defined(__aarch64__)
    __asm__ volatile("mov x29, #0x18\n\t"
                     "mov x9, #0x10\n\t"
                     "mov sp, x9\n\t"
                     "strb wzr, [x29]\n\t" ::
                         : "x9", "memory");
#else
    crash_test_wild_write();
#endif
}

bool crash_test_is_for_main_thread(Bulkhead__CrashTest__Kind kind)
{
    return kind == BULKHEAD__CRASH_TEST__KIND__STOP_READING;
}

void crash_test_run(Bulkhead__CrashTest__Kind kind, struct session_channel *channel)
{
    switch (kind) {
    case BULKHEAD__CRASH_TEST__KIND__WILD_WRITE:
        crash_test_wild_write();
        break;
    case BULKHEAD__CRASH_TEST__KIND__ABORT:
        crash_test_abort();
        break;
    case BULKHEAD__CRASH_TEST__KIND__STACK_OVERFLOW:
        crash_test_sink = crash_test_nest(1);
        break;
    case BULKHEAD__CRASH_TEST__KIND__HANG:
        crash_test_spin();
        break;
    case BULKHEAD__CRASH_TEST__KIND__OUT_OF_MEMORY:
        crash_test_devour();
        break;
    case BULKHEAD__CRASH_TEST__KIND__FORBIDDEN_SYSCALL:
        crash_test_open_socket();
        break;
    case BULKHEAD__CRASH_TEST__KIND__UNEXPECTED_EXIT:
        _exit(0);
    case BULKHEAD__CRASH_TEST__KIND__BAD_MESSAGE:
        crash_test_send_oversized(channel);
        break;
    case BULKHEAD__CRASH_TEST__KIND__STOP_READING:
        crash_test_stand_still();
        break;
    case BULKHEAD__CRASH_TEST__KIND__FLOOD:
        crash_test_flood(channel);
        break;
    case BULKHEAD__CRASH_TEST__KIND__DIVIDE_BY_ZERO:
        crash_test_divide(0);
        break;
    case BULKHEAD__CRASH_TEST__KIND__NULL_CALL:
        crash_test_call_null();
        break;
    case BULKHEAD__CRASH_TEST__KIND__CRASH_IN_HANDLER:
        crash_test_lose_the_stack();
        break;
    case BULKHEAD__CRASH_TEST__KIND__STOP_SELF:
        crash_test_stop(channel);
        break;
    case _BULKHEAD__CRASH_TEST__KIND_IS_INT_SIZE:
        break;
    }
}
