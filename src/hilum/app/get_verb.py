"""`hilum get`: the environment and weights of a published reader, as commands to read first, or made."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from hilum.app.flags import AsJson, Quiet


def get_command(
    name: Annotated[str, typer.Argument(help="Published reader; left out, all of them are listed.")] = "",
    create: Annotated[bool, typer.Option("--create", help="Make its environment with pip; uses the network.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Print, or make, the pinned environment of a published reader; its weights stay for you to get."""
    from hilum.learn.outside.environment import commands, create_environment
    from hilum.learn.outside.published import PUBLISHED, published

    rows = [published(name)] if name else list(PUBLISHED.values())
    if as_json:
        print(json.dumps([{**asdict(row), "commands": commands(row)} for row in rows]))
    elif not name:
        for row in rows:
            state = row.tried if row.loader else f"no adapter: {row.without}"
            print(f"{row.name:14} {row.repository:36} {state}")
    elif not quiet:
        print(f"# {row_line(rows[0].name)}")
        print("\n".join(commands(rows[0])))
    if name and create:
        made = create_environment(rows[0], lambda line: None if quiet else print(line, file=sys.stderr))
        print(made)


def row_line(name: str) -> str:
    """Return what a person must know of a reader before its environment is made, in one line."""
    from hilum.learn.outside.published import published

    row = published(name)
    parts = [f"{row.repository}, licence: {row.licence}", row.tried]
    parts += [f"no adapter: {row.without}"] * bool(row.without)
    parts += [f"brings code of its own, which runs only with #trust={row.name}"] * row.remote
    parts += ["accept its terms on its page first"] * row.gated
    return "; ".join([*parts, *([row.note] if row.note else [])])
