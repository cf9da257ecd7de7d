"""A picture to upload, made here: an evening over the sea."""

import math
import struct
import zlib

_WIDTH, _HEIGHT = 900, 1200
_SKY, _DUSK, _SEA = (78, 58, 98), (246, 168, 128), (60, 70, 110)


def evening() -> bytes:
    """The picture, a PNG."""
    rows = b"".join(b"\0" + _row(line / _HEIGHT) for line in range(_HEIGHT))
    header = struct.pack(">IIBBBBB", _WIDTH, _HEIGHT, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _row(height: float) -> bytes:
    ground = _mix(_SKY, _DUSK, min(1.0, height / 0.62)) if height < 0.62 else _mix(_DUSK, _SEA, (height - 0.6) / 0.25)
    pixels = bytearray(bytes(ground) * _WIDTH)
    # The sun: a disc a little above the sea.
    across = 0.11**2 - ((height - 0.5) * _HEIGHT / _WIDTH) ** 2
    if across > 0 and height < 0.62:
        half = int(math.sqrt(across) * _WIDTH)
        left, right = 3 * (_WIDTH // 2 - half), 3 * (_WIDTH // 2 + half)
        pixels[left:right] = bytes((255, 226, 190)) * (2 * half)
    return bytes(pixels)


def _mix(one: tuple[int, int, int], other: tuple[int, int, int], share: float) -> tuple[int, int, int]:
    share = max(0.0, min(1.0, share))
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
