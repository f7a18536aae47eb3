#!/usr/bin/env python3
"""Writes a PPM of a sunset over the sea to standard output: sums of sines, some noise, no photograph."""
import math
import random
import sys

W, H, HORIZON, SUN = 960, 600, 270, (610, 205)


def mix(a, b, t):
    t = min(1, max(0, t))
    return [x + (y - x) * t for x, y in zip(a, b)]


def sky(x, y):
    t = y / HORIZON
    colour = mix((28, 38, 84), (150, 84, 120), t * 1.6) if t < 0.6 else mix((147, 83, 119), (255, 176, 96), (t - 0.6) * 2.5)
    distance = math.hypot(x - SUN[0], (y - SUN[1]) * 1.15)
    colour = mix(colour, (255, 214, 140), math.exp(-distance / 110) * 0.85)
    cloud = sum(math.sin(x * f * 0.0045 + y * f * 0.021 + p) * a for f, p, a in ((1, 0.3, 0.5), (2.3, 1.9, 0.3), (5.1, 4.2, 0.16)))
    colour = mix(colour, (96, 52, 92), max(0, cloud - 0.15) * (0.9 - 0.5 * t))
    return mix((255, 244, 205), colour, (distance - 34) / 3)


def sea(x, y):
    depth = (y - HORIZON + 1) / (H - HORIZON)
    far = 1 / (depth + 0.035)
    slope = sum(math.sin(x * f * 0.02 * (1 + far * 0.05) + far * g + p) * a for f, g, p, a in (
        (1, 3.1, 0, 0.4), (2.1, 5.3, 1.3, 0.3), (-1.7, 7.9, 2.2, 0.25), (4.3, 11.7, 0.7, 0.2), (-6.1, 17, 3.9, 0.15),
        (5.3, 61, 1.1, 0.22 * depth), (-7.9, 97, 0.4, 0.2 * depth)))
    base = mix((196, 124, 104), (14, 30, 62), depth ** 0.55 * 1.15)
    glint = math.exp(-((x - SUN[0]) / (26 + 150 * depth)) ** 2) * (0.55 + 0.6 * slope)
    colour = mix(base, (255, 206, 128), glint * (1.1 - 0.5 * depth))
    return mix(colour, (120, 96, 132), max(0, slope) * 0.28 * (1 - depth))


random.seed(7)
out = bytearray(b"P6 %d %d 255\n" % (W, H))
for row in range(H):
    for column in range(W):
        grain = random.uniform(-2.5, 2.5)
        out += bytes(int(min(255, max(0, c + grain))) for c in (sky if row < HORIZON else sea)(column, row))
sys.stdout.buffer.write(out)
