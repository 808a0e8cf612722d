"""How a department runs its server: one TOML file, every key known, none undocumented."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from hilum.core.errors import InputError


@dataclass(frozen=True)
class Http:
    """The page, its API and DICOMweb.

    Args:
        host, port: where it listens; port 0 takes a free one.
        prefix: path it lives under behind a reverse proxy, such as '/hilum'.
        public_url: the address as clients see it, prefix included, for addresses in DICOMweb answers; made from each
            request when empty.
        certificate, key: PEM files; with them it speaks TLS itself.
        trusted_proxies: addresses whose X-Forwarded headers are believed.
        plain: agree to be reached without TLS from other machines.
        session_hours: how long a sign-in lasts.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    prefix: str = ""
    public_url: str = ""
    certificate: str = ""
    key: str = ""
    trusted_proxies: tuple[str, ...] = ()
    plain: bool = False
    session_hours: float = 12.0


@dataclass(frozen=True)
class Dicom:
    """The DICOM node.

    Args:
        enabled: whether it listens at all.
        ae_title: its title.
        host, port: where it listens; port 0 takes a free one.
        calling: titles that may connect; empty lets everybody who reaches the port.
        certificate, key, authorities: PEM files for DICOM over TLS; `authorities` makes peers prove who they are.
        associations: at a time.
        questions: answer C-FIND and C-MOVE; where other machines reach the port, only if `calling` or `authorities`
            says who they are. Films are moved to peers alone.
    """

    enabled: bool = True
    ae_title: str = "HILUM"
    host: str = "127.0.0.1"
    port: int = 11112
    calling: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    authorities: str = ""
    associations: int = 32
    questions: bool = True


@dataclass(frozen=True)
class PeerSettings:
    """Another node that we send to or ask.

    Args:
        name: what we call it.
        ae_title, host, port: its DICOM address; leave `host` out for one reached by DICOMweb alone.
        tls, authorities: speak DICOM over TLS to it; PEM file of who vouches for it, the system's where empty.
        stow_url: its STOW-RS address, used in place of C-STORE.
        token_file: file that holds the bearer token for `stow_url`.
    """

    name: str = ""
    ae_title: str = ""
    host: str = ""
    port: int = 104
    tls: bool = False
    authorities: str = ""
    stow_url: str = ""
    token_file: str = ""


@dataclass(frozen=True)
class Results:
    """Where what was read goes.

    Args:
        send_to: names of peers, or 'sender' for whoever sent the films.
        priors_from: peer that is asked for earlier studies, '' asks nobody.
    """

    send_to: tuple[str, ...] = ()
    priors_from: str = ""


@dataclass(frozen=True)
class Work:
    """Reading.

    Args:
        enabled: read what arrives; else it is only archived and shown.
        workers: reading processes.
        settle_seconds: a study is whole when nothing came for so long.
        attempts: tries before a study is put aside with its reason.
        seconds: longest time for one study.
    """

    enabled: bool = True
    workers: int = 1
    settle_seconds: float = 30.0
    attempts: int = 3
    seconds: float = 600.0


@dataclass(frozen=True)
class Limits:
    """What one client may ask of the server.

    Args:
        requests_per_minute: of one person or address; 0 for no limit.
        sign_ins_per_minute: failed ones of one address.
        upload_mb: largest STOW request.
        file_mb: largest single DICOM file.
        silence_seconds: an upload that stands still for so long is ended.
        connections: open ones at a time.
    """

    requests_per_minute: int = 6000
    sign_ins_per_minute: int = 10
    upload_mb: int = 2048
    file_mb: int = 512
    silence_seconds: float = 30.0
    connections: int = 256


@dataclass(frozen=True)
class Retention:
    """How long studies stay; 0 days keeps them.

    Args:
        days: studies to which nothing was added for so many days are deleted, readings included.
        audit_days: of the audit log.
    """

    days: float = 0.0
    audit_days: float = 3650.0


@dataclass(frozen=True)
class Oidc:
    """Sign-in through an OpenID Connect provider; off while `issuer` is empty.

    Args:
        issuer: its URL, https.
        client_id: ours there.
        client_secret_file: file with the secret; empty for a public client (PKCE is used either way).
        name_claim: claim that names the person in edits and in the audit log.
        role_claim: claim that lists a person's groups.
        readers, admins: groups that give the roles.
        redirect_url: our own address of `oidc/back`; made from the request when empty.
    """

    issuer: str = ""
    client_id: str = ""
    client_secret_file: str = ""
    name_claim: str = "preferred_username"
    role_claim: str = "groups"
    readers: tuple[str, ...] = ("hilum-reader",)
    admins: tuple[str, ...] = ("hilum-admin",)
    redirect_url: str = ""


@dataclass(frozen=True)
class Settings:
    """Everything `hilum serve` can be told.

    Args:
        root: folder of films, results, keys and logs.
        database: 'postgresql://user@host/name'; empty for SQLite in the root.
        http, dicom, results, work, limits, retention, oidc: see there.
        peers: other nodes.
    """

    root: str = "hilum-data"
    database: str = ""
    http: Http = field(default_factory=Http)
    dicom: Dicom = field(default_factory=Dicom)
    results: Results = field(default_factory=Results)
    work: Work = field(default_factory=Work)
    limits: Limits = field(default_factory=Limits)
    retention: Retention = field(default_factory=Retention)
    oidc: Oidc = field(default_factory=Oidc)
    peers: tuple[PeerSettings, ...] = ()

    @property
    def index_url(self) -> str:
        """URL of the archive's index."""
        return self.database or f"sqlite:///{Path(self.root).absolute()}/index.db"

    @property
    def jobs_url(self) -> str:
        """URL of the queue: a file of its own beside the index, or the same PostgreSQL."""
        return self.database or f"sqlite:///{Path(self.root).absolute()}/jobs.db"


def load(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Read settings from a TOML file and lay single values over them.

    Args:
        path: the file; None for the defaults.
        overrides: dotted key -> value, such as {'http.port': 8081}.

    Raises:
        InputError: for a file that is no TOML, an unknown key (with the nearest known one) or a value of another type.
    """
    told: dict[str, Any] = _toml(Path(path)) if path is not None else {}
    for key, value in (overrides or {}).items():
        table = told
        *outer, last = key.split(".")
        for name in outer:
            table = table.setdefault(name, {})
        table[last] = value
    settings: Settings = _record(Settings, told, "")
    prefix = settings.http.prefix.strip("/")
    return replace(settings, http=replace(settings.http, prefix=f"/{prefix}" if prefix else ""))


def parsed(text: str) -> tuple[str, Any]:
    """Split 'http.port=8081' of the command line into its key and its value as TOML writes it; bare words are text.

    Raises:
        InputError: if there is no '='.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set needs key=value, such as --set http.port=8081, got '{text}'")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value


def _toml(path: Path) -> dict[str, Any]:
    try:
        return dict(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"the settings in '{path}' cannot be read as TOML: {error}") from error


def _record(kind: Any, told: Any, where: str) -> Any:
    if not isinstance(told, Mapping):
        raise InputError(f"settings: '{where}' must be a table, got {type(told).__name__}")
    hints = get_type_hints(kind)
    known = [each.name for each in fields(kind)]
    for key in told:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            advice = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}"
            raise InputError(f"settings: there is no '{_joined(where, key)}': {advice}")
    return kind(**{key: _value(hints[key], value, _joined(where, key)) for key, value in told.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    if is_dataclass(hint):
        return _record(hint, value, where)
    if get_origin(hint) is tuple:
        inner = get_args(hint)[0]
        several = [value] if isinstance(value, str) else value
        if not isinstance(several, list | tuple):
            raise InputError(f"settings: '{where}' must be a list, got {value!r}")
        return tuple(_value(inner, each, f"{where}[{place}]") for place, each in enumerate(several))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise InputError(f"settings: '{where}' must be {_WORDS[hint]}, got {value!r}")
    if hint in (int, float) and value < 0:
        raise InputError(f"settings: '{where}' must not be negative, got {value}")
    return value


_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


def _joined(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key
