#!/usr/bin/env python3
"""Makes the data of the examples mlp and convnet: make_arrays.py [FOLDER]

mlp: points on three spirals; convnet: images of strokes in four directions, with noise. Plain
Python, so that nothing needs to be installed for it.
"""
import math
import os
import random
import struct
import sys


def npy_write(path, descr, shape, data):
    header = repr({"descr": descr, "fortran_order": False, "shape": shape})
    header += " " * (63 - (10 + len(header)) % 64) + "\n"
    with open(path, "wb") as file:
        file.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data)


def spirals(count):
    x, y = [], []
    for _ in range(count):
        arm, r = random.randrange(3), random.random()
        angle = 5 * r + 2 * math.pi * arm / 3 + random.gauss(0, 0.1)
        x += [r * math.cos(angle), r * math.sin(angle)]
        y.append(arm)
    return struct.pack(f"<{2 * count}f", *x), struct.pack(f"<{count}q", *y)


def strokes(count, side=16):
    steps = [(0, 1), (1, 0), (1, 1), (1, -1)]
    x, y = bytearray(), []
    for _ in range(count):
        kind = random.randrange(len(steps))
        image = [[random.randrange(60) for _ in range(side)] for _ in range(side)]
        row, col = random.randrange(side), random.randrange(side)
        for at in range(-5, 6):
            r, c = row + at * steps[kind][0], col + at * steps[kind][1]
            if 0 <= r < side and 0 <= c < side:
                image[r][c] = 255
        for line in image:
            x += bytes(line)
        y.append(kind)
    return bytes(x), bytes(y)


def main(folder):
    random.seed(1)
    x, y = spirals(3000)
    npy_write(os.path.join(folder, "mlp", "x.npy"), "<f4", (3000, 2), x)
    npy_write(os.path.join(folder, "mlp", "y.npy"), "<i8", (3000,), y)
    x, y = strokes(3000)
    npy_write(os.path.join(folder, "convnet", "x.npy"), "|u1", (3000, 1, 16, 16), x)
    npy_write(os.path.join(folder, "convnet", "y.npy"), "|u1", (3000,), y)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__)))
