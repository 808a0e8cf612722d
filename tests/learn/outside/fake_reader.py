"""A published reader's worker with made loaders: it speaks the contract, checks every request, and can misbehave.

What it does is written in `mode` in its folder of weights.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageStat

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location("worker", ROOT / "src/hilum/learn/outside/worker.py")
assert SPEC is not None
assert SPEC.loader is not None
worker = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(worker)
KEYS = {"contract", "id", "task", "images", "sections", "question", "choices", "examples"}


def checked(request: dict[str, Any], files: list[Path]) -> Image.Image:
    """The first film, after every promise of the contract has been looked at."""
    assert set(request) == KEYS, f"keys {sorted(request)}"
    assert request["contract"] == 1
    for image, file in zip(request["images"], files, strict=True):
        assert set(image) == {"role", "file", "rows", "columns", "view"}
        picture = Image.open(file)
        assert (picture.mode, picture.size, picture.info) == ("L", (image["columns"], image["rows"]), {})
    assert "hilum" not in sys.modules
    return Image.open(files[0])


def made(folder: str, trust: bool) -> Any:
    mode = (Path(folder) / "mode").read_text()
    if mode == "no weights":
        raise OSError("there is no config.json")
    if mode == "lacks":
        import nothing_by_this_name  # noqa: F401
    calls = [0]

    def read(request: dict[str, Any], files: list[Path]) -> dict[str, Any]:
        film = checked(request, files)
        seen = film.getextrema()[0] < film.getextrema()[1]
        calls[0] += 1
        (Path(folder) / "seen.json").write_text(json.dumps({**request, "files": [str(file) for file in files]}))
        if calls[0] > 4:  # the gate is passed
            if mode == "crash":
                sys.stderr.write("segmentation of the mind\n")
                sys.stderr.flush()
                import os

                os._exit(9)
            if mode == "slow":
                time.sleep(60)
            if mode == "error":
                raise ValueError("the film is too dark")
            if mode == "no text":
                return {"text": None}
            if mode == "boxes":
                return {"text": "boxes", "boxes": [[-5, 2, 900, 6], [3, 3, 3, 9], "none"]}
        print("Loading checkpoint shards: 100%")  # what a library prints must not matter
        if mode == "blind":
            return {"text": "The lungs are clear."}
        if mode == "sampling":
            return {"text": f"Sample {time.time_ns()}."}
        if mode == "constant but for blank":
            return {"text": "The lungs are clear." if seen else "I see nothing."}
        halves = [film.crop((at, 0, at + film.width // 2, film.height)) for at in (0, film.width // 2)]
        right, left, mean = (ImageStat.Stat(each).mean[0] for each in (*halves, film))
        side = "right" if right > left else "left"
        return {"text": f"There is a {side} pleural effusion. Mean {mean:.1f}." if seen else "No film."}

    return read


def garbage(folder: str, trust: bool) -> Any:
    read, counted = made(folder, trust), [0]
    path = Path(sys.argv[1])
    known = worker.write

    def write(file: Path, told: dict[str, Any]) -> None:
        counted[0] += 1
        kind = (Path(folder) / "kind").read_text()
        if counted[0] <= (0 if kind == "ready" else 5):
            return known(file, told)
        wrong = {"json": b"\x00 not json", "turn": b'{"contract": 1, "id": 77, "text": "x"}', "list": b"[1]",
                 "ready": b'{"contract": 1}', "contract": b'{"contract": 2, "id": 4, "text": "x"}'}[kind]  # fmt: skip
        partial = path / "partial"
        partial.write_bytes(wrong)
        partial.replace(file)
        return None

    worker.write = write
    return read


def trusting(folder: str, trust: bool) -> Any:
    read = made(folder, trust)

    def told(request: dict[str, Any], files: list[Path]) -> dict[str, Any]:
        return {"text": f"trust {trust} {read(request, files)['text']}"}

    return told


if __name__ == "__main__":
    worker.serve(Path(sys.argv[1]), {"made": made, "garbage": garbage, "trusting": trusting})
