"""One fuzz worker: mutate seed files, read each, and answer in one word; run as a process with a memory limit."""

from __future__ import annotations

import os
import resource
import signal
import struct
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

LIMIT_BYTES, LIMIT_SECONDS = 2 * 2**30, 10


def mutate(data: bytes, draw: np.random.Generator) -> bytes:
    """Damage a file in one of the ways files get damaged, or in which an attacker would."""
    way = draw.choice(["flip", "header", "truncate", "length", "size", "insert", "zero", "splice", "codestream"])
    changed = bytearray(data)
    start = int(draw.integers(0, len(data)))
    if way == "flip":
        for place in draw.integers(0, len(data), draw.integers(1, 30)):
            changed[place] = int(draw.integers(0, 256))
    elif way == "header":
        for place in draw.integers(128, min(len(data), 1600), draw.integers(1, 6)):
            changed[place] = int(draw.integers(0, 256))
    elif way == "truncate":
        del changed[start:]
    elif way == "length":  # any 2 or 4 bytes of the header become a length that lies
        place = int(draw.integers(132, min(len(data) - 4, 1600)))
        lie = int(draw.choice([0, 1, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x10000000]))
        changed[place : place + 4] = struct.pack("<L", lie)
    elif way == "size":
        for tag in (
            b"\x28\x00\x10\x00",
            b"\x28\x00\x11\x00",
            b"\x28\x00\x00\x01",
            b"\x28\x00\x01\x01",
            b"\x28\x00\x02\x00",
        ):
            place = data.find(tag)
            if place > 0 and draw.random() < 0.5:
                changed[place + 8 : place + 10] = struct.pack(
                    "<H", int(draw.integers(0, 65536)) >> int(draw.integers(0, 16))
                )
    elif way == "insert":
        changed[start:start] = draw.bytes(int(draw.integers(1, 64)))
    elif way == "zero":
        end = start + int(draw.integers(1, 4096))
        changed[start:end] = bytes(len(changed[start:end]))
    elif way == "splice":
        other = int(draw.integers(0, len(data)))
        changed[start : start + 256] = data[other : other + 256]
    else:  # the first bytes of pixel data: frame headers, code tables
        place = max(data.rfind(b"\xe0\x7f\x10\x00"), 0)
        for at in draw.integers(place, min(len(data), place + 300), draw.integers(1, 10)):
            changed[at] = int(draw.integers(0, 256))
    return bytes(changed)


def outcome(path: Path) -> str:
    """Read one file: 'image', 'refused', or what went wrong."""
    from hilum.core.errors import HilumError
    from hilum.io.dicom import read_image

    try:
        image = read_image(path)
        shown = image.display()
    except HilumError as error:
        return "refused" if path.name in str(error) and "\n" not in str(error) else f"unclear: {error}"
    except Exception as error:
        return f"leaked {type(error).__name__}: {error}"
    good = np.isfinite(image.pixels).all() and shown.min() >= 0 and shown.max() <= 1
    return "image" if good else "not finite"


def work(seeds: list[Path], folder: Path, first: int, count: int) -> None:
    """Fuzz cases first … first + count; writes the case's number before it and its outcome after it."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
    contents = [seed.read_bytes() for seed in seeds]
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)

    def late(*_: Any) -> None:
        os.write(1, b"hang\n")
        os._exit(9)

    signal.signal(signal.SIGALRM, late)
    path = folder / f"case-{first}.dcm"
    for case in range(first, first + count):
        draw = np.random.default_rng([20261124, case])
        path.write_bytes(mutate(contents[case % len(contents)], draw))
        sys.stdout.write(f"{case} {seeds[case % len(contents)].name} ")
        sys.stdout.flush()
        signal.alarm(LIMIT_SECONDS)
        started = time.monotonic()
        result = outcome(path)
        signal.alarm(0)
        sys.stdout.write(f"{result} {time.monotonic() - started:.2f}\n")
        sys.stdout.flush()
    path.unlink()
    sys.stdout.write(f"peak {peak_bytes()}\n")


def peak_bytes() -> int:
    """Return this program's own peak: getrusage also counts what the process that started it held before exec."""
    status = Path("/proc/self/status")
    if status.is_file():
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    work([Path(seed) for seed in sys.argv[4:]], Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
