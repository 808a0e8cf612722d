"""The room's map names each module of the room once, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import hilum.text


def test_the_map_names_every_module_once() -> None:
    assert hilum.text.__doc__
    named = re.findall(r"^    (\w+): ", hilum.text.__doc__, re.MULTILINE)
    there = [path.stem for path in Path(hilum.text.__file__).parent.glob("*.py") if path.stem != "__init__"]
    assert sorted(named) == sorted(there)
