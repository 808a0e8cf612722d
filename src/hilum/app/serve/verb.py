"""The verb `hilum serve`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hilum.app.flags import AsJson, Quiet

if TYPE_CHECKING:
    from hilum.app.serve.run import Started
    from hilum.app.serve.settings import Settings


def serve_command(
    root: Annotated[Path | None, typer.Argument(help="Folder of films, readings, keys and logs [hilum-data].")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings, a TOML file; docs/serving.md lists every key.")] = None,
    host: Annotated[str, typer.Option(help="Address of the page [127.0.0.1].")] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the page [8080]; 0 takes a free one.")
    ] = None,
    dicom_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port of the DICOM node [11112]; 0 takes a free one.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Path behind a reverse proxy, such as /hilum.")] = "",
    settings: Annotated[list[str] | None, typer.Option("--set", help="One setting, such as work.workers=2.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Say what is wrong with the settings, and stop.")] = False,
    add_token: Annotated[str, typer.Option(help="Make a token for a person or machine, print it once, and stop.")] = "",
    role: Annotated[str, typer.Option(help="Of the new token: reader or admin.")] = "reader",
    revoke_token: Annotated[str, typer.Option(help="Forget a token by its name, and stop.")] = "",
    tokens: Annotated[bool, typer.Option("--tokens", help="List the tokens' names and roles, and stop.")] = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Run a DICOM node, DICOMweb and the reading room; studies that arrive are read and listed."""
    from hilum.app.serve.settings import load, parsed

    flags: dict[str, Any] = {
        "root": str(root) if root is not None else None, "http.host": host or None, "http.port": port,
        "dicom.port": dicom_port, "http.prefix": prefix or None,
    }  # fmt: skip
    told = dict(map(parsed, settings or ()))
    chosen = load(config, {**told, **{key: value for key, value in flags.items() if value is not None}})
    if add_token or revoke_token or tokens:
        _tokens(chosen, add_token, role, revoke_token, as_json=as_json)
    elif check:
        _check(chosen, as_json=as_json)
    else:
        from hilum.app.serve.run import serve

        serve(chosen, announce=lambda started: _announce(started, as_json=as_json, quiet=quiet))


def _announce(started: Started, *, as_json: bool, quiet: bool) -> None:
    from hilum.app.serve.run import words

    if as_json:
        told = {"url": started.url, "dicom": started.dicom, "token_file": str(started.token_file)}
        print(json.dumps(told), flush=True)
    elif not quiet:
        print(words(started), flush=True)


def _check(chosen: Settings, *, as_json: bool) -> None:
    from hilum.app.serve.check import check

    lines = check(chosen)
    if as_json:
        print(json.dumps([{"verdict": one.verdict, "part": one.part, "words": one.words} for one in lines]))
    else:
        for one in lines:
            print(f"{one.verdict:8}{one.part:10}{one.words}")
    if any(one.verdict == "wrong" for one in lines):
        raise typer.Exit(1)


def _tokens(chosen: Settings, add: str, role: str, revoke: str, *, as_json: bool) -> None:
    from hilum.app.serve.access import Tokens

    known = Tokens(Path(chosen.root) / "access" / "tokens.json")
    if add:
        secret = known.add(add, role=role)
        print(json.dumps({"name": add, "role": role, "token": secret}) if as_json else secret)
    if revoke:
        known.revoke(revoke)
    if not add:
        names = known.names()
        print(json.dumps(names) if as_json else "\n".join(f"{n}  {', '.join(r)}" for n, r in names.items()) or "none")
