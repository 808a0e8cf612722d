"""The verb `hilum view`: what is at a path, and the page that shows it."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from hilum.app.flags import AsJson, Quiet


def view_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Results of 'hilum read', films, folders, zips, a drawn cohort; nothing: a virtual patient."
        ),
    ] = None,
    readings: Annotated[
        Path | None, typer.Option(help="Folder for what is saved [the results, else readings/].")
    ] = None,
    model: Annotated[bool, typer.Option(help="Read films with the embedded model while the page is open.")] = True,
    reader: Annotated[str, typer.Option(help="Your name, written beside what you change.")] = "reader",
    readonly: Annotated[bool, typer.Option("--readonly", help="Look only; nothing can be saved.")] = False,
    keep_identifiers: Annotated[bool, typer.Option(help="Show and save names, ids, dates and UIDs.")] = False,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 0,
    prefix: Annotated[str, typer.Option(help="Path that a reverse proxy puts before the page's.")] = "",
    allow_network: Annotated[bool, typer.Option(help="Agree that --host is reachable from other machines.")] = False,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
    seed: Annotated[int, typer.Option(min=0, help="Of the virtual patient when no path is given.")] = 1,
    patient: Annotated[str, typer.Option(help="Of a cohort: id of the patient.")] = "",
    pages: Annotated[bool, typer.Option("--pages", help="Of a cohort: write static pages instead.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for static pages of a cohort's patient.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Open the reading room: films, findings, the draft and the course over time, in the browser, on this machine."""
    from hilum.core.errors import InputError

    given = paths or []
    if pages or out is not None:
        from hilum.app.view_patient import view

        if len(given) != 1:
            raise InputError("static pages show one cohort: hilum view COHORT -o pages/")
        view(given[0], patient, out or Path("view"), as_json=as_json, quiet=quiet)
        return
    from hilum.app.view.opened import Asked, opened
    from hilum.app.view.room import Door, address, listening, serve

    asked = Asked(tuple(given), readings, model, keep_identifiers, readonly, seed, patient)
    door = Door(reader.strip() or "reader", readonly)
    sock = listening(host, port, allow_network=allow_network)
    with opened(asked) as shelf:
        link = address(sock, door, prefix)
        if not quiet:
            typer.echo(f"The reading room is open at {link}\nStop it with Ctrl-C.")
        if browser:
            _open(link)
        with contextlib.suppress(KeyboardInterrupt):
            serve(shelf, door, sock, prefix=prefix)
    if not quiet:
        typer.echo("Closed.", err=True)


def _open(link: str) -> None:
    import webbrowser

    try:
        webbrowser.open(link)
    except webbrowser.Error:
        typer.echo("No browser could be opened: open the link above.", err=True)
