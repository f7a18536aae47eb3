#!/usr/bin/env python3
"""Makes renderer/engine/scene_font_data.c from X.Org's misc-fixed fonts (public domain; Debian: xfonts-base).

usage: make-font.py DIRECTORY-OF-PCF-FILES RENDERER-DIRECTORY > renderer/engine/scene_font_data.c

Narrow ranges are taken whole from 9x18; of the East Asian characters, those that renderer/scene_*.c use, from 18x18ko
and 18x18ja.
"""
import glob
import gzip
import os
import struct
import sys

RANGES = [(0x20, 0x7E), (0xA0, 0x17F), (0x370, 0x3FF), (0x400, 0x45F), (0x531, 0x58A), (0x10D0, 0x10F6),
          (0x2010, 0x2026), (0x2190, 0x2195), (0x2200, 0x220D), (0x2248, 0x2265), (0x2500, 0x259F), (0x25A0, 0x25CF),
          (0x2660, 0x266F)]
ROWS = 18


def tables(data):
    count = struct.unpack_from("<4xI", data)[0]
    return {kind: (form, offset) for kind, form, _, offset in
            (struct.unpack_from("<IIII", data, 8 + 16 * i) for i in range(count))}


def metrics(data, form, at):
    order = ">" if form & 4 else "<"
    if form & 0x100:
        count = struct.unpack_from(order + "H", data, at + 4)[0]
        return [[b - 128 for b in struct.unpack_from("5B", data, at + 6 + 5 * i)] for i in range(count)]
    count = struct.unpack_from(order + "I", data, at + 4)[0]
    return [struct.unpack_from(order + "5h", data, at + 8 + 12 * i) for i in range(count)]


def load(path, width):
    """{code point: ROWS integers, leftmost pixel in bit width - 1}"""
    data = gzip.open(path).read()
    table = tables(data)
    sizes = metrics(data, *table[4])
    form, at = table[8]
    order = ">" if form & 4 else "<"
    count = struct.unpack_from(order + "I", data, at + 4)[0]
    offsets = struct.unpack_from(order + "%dI" % count, data, at + 8)
    bitmaps, pad = at + 8 + 4 * count + 16, 1 << (form & 3)
    form, at = table[2]
    ascent = struct.unpack_from((">" if form & 4 else "<") + "i", data, at + 12)[0]
    form, at = table[32]
    order = ">" if form & 4 else "<"
    low, high, first, last, _ = struct.unpack_from(order + "5H", data, at + 4)
    glyphs, k = {}, 0
    for row in range(first, last + 1):
        for column in range(low, high + 1):
            index = struct.unpack_from(order + "H", data, at + 14 + 2 * k)[0]
            k += 1
            if index != 0xFFFF:
                left, right, _, up, down = sizes[index][:5]
                glyphs[row * 256 + column] = cell(data, bitmaps + offsets[index], pad, left, right, ascent - up, up + down, width)
    return glyphs


def cell(data, at, pad, left, right, top, height, width):
    wide = right - left
    stride = ((wide + 7) // 8 + pad - 1) // pad * pad
    rows = [0] * ROWS
    for y in range(height):
        if wide > 0 and 0 <= top + y < ROWS:
            bits = int.from_bytes(data[at + y * stride:at + (y + 1) * stride], "big") >> (stride * 8 - wide)
            shift = width - left - wide
            rows[top + y] = (bits << shift if shift >= 0 else bits >> -shift) & ((1 << width) - 1)
    return rows


def main(fonts, sources):
    narrow = load(os.path.join(fonts, "9x18.pcf.gz"), 9)
    wide = {**load(os.path.join(fonts, "18x18ja.pcf.gz"), 18), **load(os.path.join(fonts, "18x18ko.pcf.gz"), 18)}
    used = {ord(c) for name in glob.glob(os.path.join(sources, "scene_*.c")) for c in open(name, encoding="utf-8").read()}
    chosen = sorted(c for c in used if c >= 0x1100 and c in wide and not any(a <= c <= b for a, b in RANGES))
    print("/* Made by demo/pages/sources/make-font.py; scene_font.h says from what. */")
    print('#include "renderer/engine/scene_font.h"\n\n/* clang-format off */')
    print("const struct scene_font_range scene_font_ranges[] = {")
    index = 0
    for first, last in RANGES:
        print("    {0x%x, %d, %d}," % (first, last - first + 1, index))
        index += last - first + 1
    print("};\nconst size_t scene_font_range_count = %d;\n" % len(RANGES))
    box = [0] * 4 + [0xFE] + [0x82] * 8 + [0xFE] + [0] * 4
    print("const uint16_t scene_font_narrow[][SCENE_FONT_ROWS] = {")
    for first, last in RANGES:
        for c in range(first, last + 1):
            print("    {%s}," % ",".join("%#x" % r for r in narrow.get(c, box)))
    print("};\n\nconst uint32_t scene_font_wide_code_points[] = {")
    for i in range(0, len(chosen), 12):
        print("    " + " ".join("0x%x," % c for c in chosen[i:i + 12]))
    print("    0,\n};\nconst size_t scene_font_wide_count = %d;\n" % len(chosen))
    print("const uint32_t scene_font_wide[][SCENE_FONT_ROWS] = {")
    for c in chosen:
        print("    {%s}," % ",".join("%#x" % r for r in wide[c]))
    print("    {0},\n};")


main(*sys.argv[1:3])
