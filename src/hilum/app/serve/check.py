"""`hilum serve --check`: try every part of a configuration and say what is wrong, before anybody relies on it."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hilum.app.serve.settings import PeerSettings, Settings
from hilum.core.errors import HilumError

Verdict = Literal["ok", "warning", "wrong"]
_SPARE_BYTES = 2 * 2**30


@dataclass(frozen=True)
class Line:
    """What became of one check.

    Args:
        verdict: 'ok', 'warning' (works, but look at it) or 'wrong' (will not work).
        part: what was checked.
        words: what was found, and what to do.
    """

    verdict: Verdict
    part: str
    words: str


def check(settings: Settings, *, peers: bool = True) -> tuple[Line, ...]:
    """Return what is right and wrong with a configuration; nothing is left behind.

    Args:
        settings: see there.
        peers: also greet the other nodes (C-ECHO) and the sign-in provider.
    """
    parts: list[Callable[[Settings], Iterator[Line]]] = [_folder, _database, _web, _dicom, _model, _results]
    if peers:
        parts += [_peers, _provider]
    lines: list[Line] = []
    for part in parts:
        try:
            lines += part(settings)
        except HilumError as error:
            lines.append(Line("wrong", part.__name__.strip("_"), str(error)))
    return tuple(lines)


def _folder(settings: Settings) -> Iterator[Line]:
    root = Path(settings.root).absolute()
    there = next(path for path in (root, *root.parents) if path.exists())
    if not there.is_dir():
        yield Line("wrong", "root", f"{there} is a file: root must be a folder")
        return
    try:
        probe = there / f".hilum-check-{id(settings)}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        yield Line("wrong", "root", f"{there} cannot be written: {error.strerror}")
        return
    free = shutil.disk_usage(there).free
    words = f"{root}: {free / 2**30:,.1f} GiB free"
    yield Line(
        "ok" if free > _SPARE_BYTES else "warning",
        "root",
        words if free > _SPARE_BYTES else f"{words}, which is little",
    )
    if root.exists() and root.stat().st_mode & 0o077:
        yield Line("warning", "root", f"{root} can be entered by other users of this machine: chmod 700 {root}")


def _database(settings: Settings) -> Iterator[Line]:
    if not settings.database:
        yield Line("ok", "database", f"SQLite in {settings.root}")
        return
    from hilum.app.serve.database import open_database

    open_database(settings.database, patience_s=3.0).close()
    yield Line("ok", "database", "PostgreSQL answers")


def _web(settings: Settings) -> Iterator[Line]:
    from hilum.app.serve.security import check_reach, check_web, own_machine

    http = settings.http
    check_reach(http)
    check_web(http)
    yield _port(http.host, http.port, "http")
    if http.plain and not own_machine(http.host):
        yield Line("warning", "http", "tokens and films cross the network in the clear (http.plain)")
    if not settings.limits.requests_per_minute:
        yield Line("warning", "limits", "requests_per_minute is 0: nobody is ever slowed down")


def _dicom(settings: Settings) -> Iterator[Line]:
    from hilum.app.serve.node import Bounds, entity
    from hilum.app.serve.security import dicom_server, own_machine

    dicom = settings.dicom
    if not dicom.enabled:
        yield Line("ok", "dicom", "no DICOM node (dicom.enabled = false)")
        return
    entity(dicom.ae_title, Bounds())
    dicom_server(dicom)
    yield _port(dicom.host, dicom.port, "dicom")
    if not own_machine(dicom.host) and not dicom.calling and not dicom.authorities:
        words = "every machine that reaches the port may send: list titles in dicom.calling, or set dicom.authorities"
        yield Line("warning", "dicom", words)


def _port(host: str, port: int, part: str) -> Line:
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return Line(
            "wrong",
            part,
            f"{host}:{port} cannot be had: {error.strerror}. Stop what listens there, or choose another port",
        )
    return Line("ok", part, f"{host}:{port} is free")


def _model(settings: Settings) -> Iterator[Line]:
    if not settings.work.enabled:
        yield Line("ok", "work", "studies are archived and shown, not read (work.enabled = false)")
        return
    from hilum.systems.embedded import Embedded

    Embedded(threads=1)
    yield Line("ok", "work", f"the embedded model opens; {settings.work.workers} worker processes")
    if not settings.work.workers:
        yield Line("wrong", "work", "work.workers is 0: nothing would be read. Set it to 1, or work.enabled = false")


def _results(settings: Settings) -> Iterator[Line]:
    from hilum.app.serve.department import destinations, told_to_workers

    chosen = destinations(settings)
    told_to_workers(settings, chosen)
    names = ", ".join(each.name for each in chosen)
    yield Line("ok", "results", f"results go to {names}" if names else "results stay here (results.send_to is empty)")


def _peers(settings: Settings) -> Iterator[Line]:
    for peer in settings.peers:
        yield _greeted(peer, settings.dicom.ae_title)


def _greeted(peer: PeerSettings, own_title: str) -> Line:
    from hilum.app.serve.peer import Peer, echo

    if not peer.host:
        return Line("ok", "peers", f"{peer.name}: {peer.stow_url} (not asked)")
    try:
        echo(Peer(peer.ae_title, peer.host, peer.port, own_title, peer.tls, peer.authorities, patience_s=5.0))
    except HilumError as error:
        return Line("warning", "peers", f"{peer.name}: {error}")
    return Line("ok", "peers", f"{peer.name}: {peer.ae_title} at {peer.host}:{peer.port} answers")


def _provider(settings: Settings) -> Iterator[Line]:
    if not settings.oidc.issuer:
        return
    from hilum.app.serve.oidc import Provider
    from hilum.app.serve.security import secret_of

    secret_of(settings.oidc.client_secret_file, "oidc.client_secret_file")
    Provider(settings.oidc).document()
    yield Line("ok", "oidc", f"{settings.oidc.issuer} answers")
