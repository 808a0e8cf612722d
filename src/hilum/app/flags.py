"""Flags that several verbs share, and what their values mean."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from hilum.core.errors import InputError

Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="Python file that registers more; it runs as code.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every random draw.")]


def pairs_of(settings: list[str], option: str = "--set") -> dict[str, str]:
    """Return what a repeated key=value flag sets.

    Raises:
        InputError: if one has no '='.
    """
    wrong = [item for item in settings if "=" not in item]
    if wrong:
        raise InputError(f"{option} needs key=value, got '{wrong[0]}'")
    return dict(item.split("=", 1) for item in settings)


def is_address(model: str) -> bool:
    """Tell whether a model is named by an address, 'chat:URL#MODEL' or 'outside:NAME', and not by a folder."""
    return re.match(r"[a-z][a-z0-9-]+:", model) is not None and not Path(model).is_dir()


def load_plugins(plugins: list[Path] | None) -> None:
    """Import the files of --plugin, which register what is in them.

    Raises:
        InputError: if one is missing or fails.
        MissingError: if one needs a package that is not installed.
    """
    from hilum.core.registry import load_plugin

    for path in plugins or []:
        load_plugin(path)
