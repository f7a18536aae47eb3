/* Misbehaviour about pages and frames: answers to measure and paint that an honest renderer cannot give. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "renderer/attack/attacker.h"

static bool page_other(struct attacker *self)
{
    attacker_say_page(self, self->measure_id, self->page + 1, 16);
    return false;
}

static bool page_beyond(struct attacker *self)
{
    attacker_say_page(self, self->measure_id, ATTACKER_PAGES, 16);
    return false;
}

static bool page_wrong_id(struct attacker *self)
{
    attacker_say_page(self, self->measure_id + 100, self->page, 16);
    return false;
}

static bool page_twice(struct attacker *self)
{
    attacker_say_page(self, self->measure_id, self->page, 16);
    return true;
}

static bool page_for_navigate(struct attacker *self)
{
    attacker_say_page(self, self->navigate_id, self->page, 16);
    return false;
}

static bool page_huge(struct attacker *self)
{
    attacker_say_page(self, self->measure_id, self->page, 1e30f);
    return false;
}

static bool page_infinite(struct attacker *self)
{
    attacker_say_page(self, self->measure_id, self->page, INFINITY);
    return false;
}

static bool page_not_a_number(struct attacker *self)
{
    attacker_say_page(self, self->measure_id, self->page, NAN);
    return false;
}

static bool info_for_measure(struct attacker *self)
{
    attacker_say_info(self, self->measure_id, ATTACKER_PAGES, "", 0);
    return false;
}

static bool frame_for_measure(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    attacker_say_frame(self, self->measure_id, &ready);
    return false;
}

static bool page_for_paint(struct attacker *self)
{
    attacker_say_page(self, self->paint_id, self->page, 16);
    return false;
}

static bool say_frame(struct attacker *self, const Bulkhead__FrameReady *ready)
{
    Bulkhead__FrameReady copy = *ready;
    attacker_say_frame(self, self->paint_id, &copy);
    return false;
}

static bool frame_wrong_id(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    attacker_say_frame(self, self->paint_id + 1000, &ready);
    return false;
}

static bool frame_of_nothing(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    attacker_say_frame(self, 0, &ready);
    return false;
}

static bool buffer_beyond(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.buffer = FRAME_BUFFERS;
    return say_frame(self, &ready);
}

static bool buffer_wild(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.buffer = UINT32_MAX;
    return say_frame(self, &ready);
}

static bool buffer_twice(struct attacker *self)
{
    for (int i = 0; i < 2; i++) {
        Bulkhead__FrameReady ready = attacker_frame(self, 0);
        say_frame(self, &ready);
    }
    return false;
}

static bool generation_of(struct attacker *self, uint32_t generation)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.generation = generation;
    return say_frame(self, &ready);
}

static bool generation_future(struct attacker *self)
{
    return generation_of(self, self->generation + 1);
}

static bool generation_zero(struct attacker *self)
{
    return generation_of(self, 0);
}

static bool generation_wild(struct attacker *self)
{
    return generation_of(self, UINT32_MAX);
}

static bool damage_of(struct attacker *self, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
    Bulkhead__Rect rect = BULKHEAD__RECT__INIT, *rects[] = {&rect};
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    rect.x_px = x;
    rect.y_px = y;
    rect.width_px = width;
    rect.height_px = height;
    ready.n_damage = 1;
    ready.damage = rects;
    return say_frame(self, &ready);
}

static bool damage_outside(struct attacker *self)
{
    return damage_of(self, self->geometry.width_px, 0, 1, 1);
}

static bool damage_overflowing(struct attacker *self)
{
    return damage_of(self, UINT32_MAX, UINT32_MAX, 2, 2);
}

static bool damage_too_tall(struct attacker *self)
{
    return damage_of(self, 0, 1, 1, self->geometry.height_px);
}

/* 2^16 x (2^16 + 1): in 32 bits no more than the first row. */
static bool damage_area(struct attacker *self)
{
    return damage_of(self, 0, 0, 1 << 16, (1 << 16) + 1);
}

/* The broker paints a page as large as it is said to be. */
static bool page_vast(struct attacker *self)
{
    Bulkhead__ToBroker envelope = BULKHEAD__TO_BROKER__INIT;
    Bulkhead__PageInfo info = BULKHEAD__PAGE_INFO__INIT;
    info.page = self->page;
    info.x1_pt = 1 << 16;
    info.y1_pt = (1 << 16) + 1;
    envelope.request_id = self->measure_id;
    envelope.message_case = BULKHEAD__TO_BROKER__MESSAGE_PAGE_INFO;
    envelope.page_info = &info;
    attacker_say(self, &envelope);
    snprintf(self->seen, sizeof self->seen, "said to be vast");
    return true;
}

static bool damage_too_much(struct attacker *self)
{
    Bulkhead__Rect rect = BULKHEAD__RECT__INIT, *rects[LIMIT_DAMAGE_RECTS + 1];
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    for (size_t i = 0; i < LIMIT_DAMAGE_RECTS + 1; i++)
        rects[i] = &rect;
    ready.n_damage = LIMIT_DAMAGE_RECTS + 1;
    ready.damage = rects;
    return say_frame(self, &ready);
}

static bool sequence_zero(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.sequence = 0;
    return say_frame(self, &ready);
}

static bool sequence_repeated(struct attacker *self)
{
    for (uint32_t i = 0; i < 2; i++) {
        Bulkhead__FrameReady ready = attacker_frame(self, i);
        ready.sequence = 5;
        say_frame(self, &ready);
    }
    return false;
}

static bool frame_other_page(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.page = self->page + 1;
    return say_frame(self, &ready);
}

static bool frame_wild_page(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.page = UINT32_MAX;
    return say_frame(self, &ready);
}

/* Insane but harmless: numbers that are only ever shown. */
static bool frame_wild_figures(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    ready.paint_us = ready.skipped = UINT32_MAX;
    ready.sequence = UINT32_MAX;
    return say_frame(self, &ready);
}

/* Frame memory is sealed: what would make the broker's next read a SIGBUS must fail here. */
static bool frame_header_wild(struct attacker *self)
{
    struct frame_header *header = (struct frame_header *)(void *)self->memory;
    for (size_t i = 0; i < FRAME_BUFFERS; i++) {
        header->buffers[i].begin = UINT32_MAX;
        header->buffers[i].end = 7;
    }
    return true;
}

static bool dies_painting(struct attacker *self)
{
    Bulkhead__FrameReady ready = attacker_frame(self, 0);
    say_frame(self, &ready);
    _exit(0);
}

const struct attack attack_frames[] = {
    {"page-other", ATTACK_AT_MEASURE, page_other},
    {"page-beyond", ATTACK_AT_MEASURE, page_beyond},
    {"page-wrong-id", ATTACK_AT_MEASURE, page_wrong_id},
    {"page-twice", ATTACK_AT_MEASURE, page_twice},
    {"page-for-navigate", ATTACK_AT_MEASURE, page_for_navigate},
    {"page-huge", ATTACK_AT_MEASURE, page_huge},
    {"page-vast", ATTACK_AT_MEASURE, page_vast},
    {"page-infinite", ATTACK_AT_MEASURE, page_infinite},
    {"page-nan", ATTACK_AT_MEASURE, page_not_a_number},
    {"info-for-measure", ATTACK_AT_MEASURE, info_for_measure},
    {"frame-for-measure", ATTACK_AT_MEASURE, frame_for_measure},
    {"page-for-paint", ATTACK_AT_PAINT, page_for_paint},
    {"frame-wrong-id", ATTACK_AT_PAINT, frame_wrong_id},
    {"frame-of-nothing", ATTACK_AT_PAINT, frame_of_nothing},
    {"buffer-beyond", ATTACK_AT_PAINT, buffer_beyond},
    {"buffer-wild", ATTACK_AT_PAINT, buffer_wild},
    {"buffer-twice", ATTACK_AT_PAINT, buffer_twice},
    {"generation-future", ATTACK_AT_PAINT, generation_future},
    {"generation-zero", ATTACK_AT_PAINT, generation_zero},
    {"generation-wild", ATTACK_AT_PAINT, generation_wild},
    {"damage-outside", ATTACK_AT_PAINT, damage_outside},
    {"damage-overflowing", ATTACK_AT_PAINT, damage_overflowing},
    {"damage-too-tall", ATTACK_AT_PAINT, damage_too_tall},
    {"damage-area", ATTACK_AT_PAINT, damage_area},
    {"damage-too-much", ATTACK_AT_PAINT, damage_too_much},
    {"sequence-zero", ATTACK_AT_PAINT, sequence_zero},
    {"sequence-repeated", ATTACK_AT_PAINT, sequence_repeated},
    {"frame-other-page", ATTACK_AT_PAINT, frame_other_page},
    {"frame-wild-page", ATTACK_AT_PAINT, frame_wild_page},
    {"frame-wild-figures", ATTACK_AT_PAINT, frame_wild_figures},
    {"frame-header-wild", ATTACK_AT_PAINT, frame_header_wild},
    {"dies-painting", ATTACK_AT_PAINT, dies_painting},
    {0},
};
