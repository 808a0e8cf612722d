"""Damaged DICOM files: each is an image with finite pixels or one sentence; never a crash, a hang or a memory flood."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Pictures
from pydicom import uid as uids

from tests.io import fuzzing
from tests.io.made import compressed, film, ramp, write, write_frame

WORKER = Path(fuzzing.__file__)


def small_chest(pack: Path) -> np.ndarray:
    """A real film cut to 256 x 256 of 10 bits."""
    ds = pydicom.dcmread(pack / "dicom" / "CR-MONO1-10-chest.dcm", force=True)
    return np.frombuffer(ds.PixelData, "<u2").reshape(440, 440)[90:346, 90:346].copy()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Films in every syntax this machine can write, real ones where the data pack is here."""
    from tests.conftest import pack_root

    folder, pack = tmp_path_factory.mktemp("seeds"), pack_root()
    pixels = small_chest(pack) if pack else ramp(256, 256, 10)
    ds = film(pixels, BitsStored=10, HighBit=9, WindowCenter=500, WindowWidth=900, PatientOrientation=["L", "F"])
    made = [write(ds, folder / "explicit.dcm"), write(ds, folder / "deflated.dcm", uids.DeflatedExplicitVRLittleEndian)]
    made += [write(film(pixels), folder / "big.dcm", uids.ExplicitVRBigEndian)]
    made += [write(film(pixels), folder / "implicit.dcm", uids.ImplicitVRLittleEndian)]
    for name, syntax in (("rle", uids.RLELossless), ("ls", uids.JPEGLSLossless), ("j2k", uids.JPEG2000Lossless)):
        made.append(compressed(film(pixels), folder / f"{name}.dcm", syntax))
    stream = io.BytesIO()
    Pictures.fromarray((pixels >> 2).astype(np.uint8)).save(stream, "JPEG")
    made.append(
        write_frame(film((pixels >> 2).astype(np.uint8)), stream.getvalue(), folder / "jpeg.dcm", uids.JPEGBaseline8Bit)
    )
    if shutil.which("dcmcjpeg"):
        for option, name in (("+e1", "sv1"), ("+el", "p14")):
            subprocess.run(["dcmcjpeg", option, str(made[0]), str(folder / f"{name}.dcm")], check=True)
            made.append(folder / f"{name}.dcm")
    if pack:
        made += [pack / "dicom" / "CR-MONO1-10-chest.dcm", pack / "dicom" / "Fake_MONOCHROME1.dcm"]
    return made


def run(seeds: list[Path], folder: Path, first: int, count: int) -> tuple[Counter[str], list[str], int]:
    """Outcomes of a range of cases, in a process of its own, restarted after each crash; and its peak bytes."""
    seen: Counter[str] = Counter()
    bad: list[str] = []
    peak, at, end = 0, first, first + count
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    while at < end:
        command = [sys.executable, str(WORKER), str(folder), str(at), str(end - at), *map(str, seeds)]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, env=environment, check=False, text=True, errors="replace"
        )
        for line in done.stdout.splitlines():
            parts = line.split(" ", 2)
            if parts[0] == "peak":
                peak = max(peak, int(parts[1]))
                continue
            at = int(parts[0]) + 1
            result = parts[2].rsplit(" ", 1)[0] if len(parts) > 2 and parts[2] else "crash"
            seen[result if result in ("image", "refused") else "bad"] += 1
            if result not in ("image", "refused"):
                bad.append(f"case {parts[0]} of {parts[1]}: {result} (exit {done.returncode})")
        if done.returncode == 0:
            break
        if not done.stdout:
            raise AssertionError(f"the fuzz worker did not start: exit {done.returncode}")
    return seen, bad, peak


def judge(seen: Counter[str], bad: list[str], peak: int, count: int) -> None:
    assert not bad, "\n".join(bad[:20])
    assert sum(seen.values()) == count
    assert peak <= fuzzing.LIMIT_BYTES
    assert min(seen["image"], seen["refused"]) > count // 20, f"the mutations are too mild or too harsh to tell: {seen}"


def test_a_hundred_damaged_films(seeds: list[Path], tmp_path: Path) -> None:
    judge(*run(seeds, tmp_path, 0, 120), 120)


@pytest.mark.slow
def test_two_thousand_damaged_films(seeds: list[Path], tmp_path: Path) -> None:
    judge(*run(seeds, tmp_path, 1000, 2400), 2400)


def test_the_fuzzer_notices_a_crash(tmp_path: Path, seeds: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The harness itself can fail: a worker that dies on its first case is reported, not lost."""
    fake = tmp_path / "fake.py"
    fake.write_text("import os, sys; sys.stdout.write(sys.argv[2] + ' x '); sys.stdout.flush(); os.abort()")
    monkeypatch.setattr(sys.modules[__name__], "WORKER", fake)
    seen, bad, _ = run(seeds, tmp_path, 0, 2)
    assert seen["bad"] == len(bad) == 2
    assert "crash" in bad[0]
