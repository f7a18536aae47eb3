/* Warnings that no honest engine gives. */
#include <stdio.h>
#include <string.h>

#include "tests/support/hostile.h"

static const Bulkhead__Warning__Kind DAMAGE = BULKHEAD__WARNING__KIND__DAMAGE;

static Bulkhead__Warning warning_of(Bulkhead__Warning__Kind kind, uint32_t page, const void *words, size_t size_bytes)
{
    Bulkhead__Warning warning = BULKHEAD__WARNING__INIT;
    warning.kind = kind;
    warning.page = page;
    warning.detail = codec_bytes(words, size_bytes);
    return warning;
}

/* A document's info that is fine but for `count` times this warning. */
static bool say_info(struct attacker *self, Bulkhead__Warning warning, size_t count)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__DocumentInfo info = BULKHEAD__DOCUMENT_INFO__INIT;
    Bulkhead__Warning *list[LIMIT_WARNINGS + 1];
    for (size_t i = 0; i < count; i++)
        list[i] = &warning;
    info.page_count = ATTACKER_PAGES;
    info.warnings = list;
    info.n_warnings = count;
    envelope.request_id = self->navigate_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_DOCUMENT_INFO;
    envelope.document_info = &info;
    attacker_say(self, &envelope);
    return false;
}

static bool warning_of_no_page(struct attacker *self)
{
    return say_info(self, warning_of(DAMAGE, ATTACKER_PAGES + 1, "x", 1), 1);
}

static bool warnings_too_many(struct attacker *self)
{
    return say_info(self, warning_of(DAMAGE, 1, "x", 1), LIMIT_WARNINGS + 1);
}

static bool warning_too_long(struct attacker *self)
{
    char words[LIMIT_DETAIL_BYTES + 1];
    memset(words, 'x', sizeof words);
    return say_info(self, warning_of(DAMAGE, 1, words, sizeof words), 1);
}

static bool warning_unknown_kind(struct attacker *self)
{
    return say_info(self, warning_of((Bulkhead__Warning__Kind)7, 1, "x", 1), 1);
}

static bool measure_warning_of_no_page(struct attacker *self)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__PageInfo info = BULKHEAD__PAGE_INFO__INIT;
    Bulkhead__Warning warning = warning_of(DAMAGE, UINT32_MAX, "x", 1), *list[] = {&warning};
    info.page = self->page;
    info.x1_pt = info.y1_pt = 16;
    info.warnings = list;
    info.n_warnings = 1;
    envelope.request_id = self->measure_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    envelope.page_info = &info;
    attacker_say(self, &envelope);
    return false;
}

static bool frame_warning_of_no_page(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    Bulkhead__Warning warning = warning_of(DAMAGE, ATTACKER_PAGES + 1, "x", 1), *list[] = {&warning};
    ready.warnings = list;
    ready.n_warnings = 1;
    attacker_say_frame(self, self->paint_id, &ready);
    return false;
}

/* With every frame as many new ones as there may be. */
static bool warnings_wild(struct attacker *self)
{
    static unsigned number;
    char words[LIMIT_WARNINGS][LIMIT_DETAIL_BYTES];
    Bulkhead__Warning storage[LIMIT_WARNINGS], *list[LIMIT_WARNINGS];
    uint32_t buffer = 0;
    while (buffer + 1 < FRAME_BUFFERS && (self->busy & 1u << buffer) != 0)
        buffer++;
    for (size_t i = 0; i < LIMIT_WARNINGS; i++) {
        memset(words[i], '\033', sizeof words[i]);
        snprintf(words[i], sizeof words[i], "%u\n\x9b", ++number);
        storage[i] = warning_of(i % 4 == 3 ? BULKHEAD__WARNING__KIND__NOTE : DAMAGE, (uint32_t)i % ATTACKER_PAGES,
                                words[i], sizeof words[i]);
        list[i] = &storage[i];
    }
    Bulkhead__FrameReady ready = attacker_frame(self, buffer);
    ready.warnings = list;
    ready.n_warnings = LIMIT_WARNINGS;
    ready.warnings_left_out = UINT32_MAX - 1;
    attacker_say_frame(self, self->paint_id, &ready);
    return false;
}

const struct attack hostile_warnings_attacks[] = {
    {"warning-of-no-page", ATTACK_AT_NAVIGATE, warning_of_no_page},
    {"warnings-too-many", ATTACK_AT_NAVIGATE, warnings_too_many},
    {"warning-too-long", ATTACK_AT_NAVIGATE, warning_too_long},
    {"warning-unknown-kind", ATTACK_AT_NAVIGATE, warning_unknown_kind},
    {"measure-warning-of-no-page", ATTACK_AT_MEASURE, measure_warning_of_no_page},
    {"frame-warning-of-no-page", ATTACK_AT_PAINT, frame_warning_of_no_page},
    {"warnings-wild", ATTACK_AT_PAINT, warnings_wild},
    {0},
};
