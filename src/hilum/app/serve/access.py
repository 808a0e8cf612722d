"""Who may do what: tokens, signed sessions for browsers, two roles."""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from hilum.app.view.api import Refusal, same_origin
from hilum.app.view.source import Session
from hilum.core.errors import InputError, MissingError, need

try:
    import jwt
    from starlette.requests import Request
except ImportError:
    raise need("pyjwt", "serve", "signing in") from None

ROLES = ("reader", "admin")
COOKIE = "hilum_session"
SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Person:
    """Somebody, or a machine, that the server knows.

    Args:
        name: written beside edits and in the audit log.
        roles: of `ROLES`.
        csrf: token that writes of a browser's session carry; '' where each request proves itself.
    """

    name: str
    roles: tuple[str, ...]
    csrf: str = ""


class Tokens:
    """Long-lived secrets of people and machines; only their digests are kept.

    Args:
        path: the JSON file, readable by its owner alone.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp = -1
        self._known: dict[str, dict[str, Any]] = {}

    def add(self, name: str, *, role: str = "reader") -> str:
        """Make a token, in place of an earlier one of the same name, and return it; it cannot be shown again.

        Raises:
            InputError: if the role is none, or the name is empty, longer than 64 characters or not printable.
        """
        if role not in ROLES:
            raise InputError(f"a token's role must be one of {', '.join(ROLES)}, got '{role}'")
        if not name.strip() or len(name) > 64 or not name.isprintable():
            raise InputError("a token needs a printable name of at most 64 characters")
        secret = secrets.token_urlsafe(32)
        known = dict(self._read())
        known[name] = {"sha256": _digest(secret), "roles": [role], "made": int(time.time())}
        self._write(known)
        return secret

    def revoke(self, name: str) -> None:
        """Forget a token.

        Raises:
            MissingError: if there is none of that name.
        """
        known = dict(self._read())
        if name not in known:
            raise MissingError(f"there is no token '{name}': there are {', '.join(known) or 'none'}")
        del known[name]
        self._write(known)

    def names(self) -> dict[str, tuple[str, ...]]:
        """Return name -> roles."""
        return {name: tuple(each["roles"]) for name, each in self._read().items()}

    def find(self, secret: str) -> Person | None:
        """Return whose token it is; every kept one is compared, in constant time."""
        digest, found = _digest(secret), None
        for name, each in self._read().items():
            if hmac.compare_digest(str(each["sha256"]), digest):
                found = Person(name, tuple(each["roles"]))
        return found

    def has(self, name: str) -> bool:
        """Say whether a token of that name is still valid."""
        return name in self._read()

    def _read(self) -> dict[str, dict[str, Any]]:
        try:
            stamp = self._path.stat().st_mtime_ns
        except FileNotFoundError:
            return {}
        if stamp != self._stamp:
            try:
                self._known = dict(json.loads(self._path.read_text(encoding="utf-8")))
            except ValueError as error:
                raise InputError(
                    f"the tokens in '{self._path}' are damaged: {error}. Remove the file, make new ones"
                ) from error
            self._stamp = stamp
        return self._known

    def _write(self, known: Mapping[str, Any]) -> None:
        write_secret(self._path, json.dumps(known, indent=1))
        self._stamp = -1


def write_secret(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


class Access:
    """Tells who asks, by bearer token, by Basic password (the token) or by a browser's session.

    Args:
        root: the server's folder; tokens and the signing key live in `access/`.
        session_hours: how long a session lasts.
    """

    def __init__(self, root: Path, *, session_hours: float = 12.0) -> None:
        folder = root / "access"
        self.tokens = Tokens(folder / "tokens.json")
        self._seconds = int(session_hours * 3600)
        self._key = _signing_key(folder / "key")

    def session(self, person: Person, *, by: str = "token") -> str:
        """Return a signed session for a person who has proved who they are.

        Args:
            person: who.
            by: 'token' (ends when the token is revoked) or 'oidc'.
        """
        now = int(time.time())
        told = {"sub": person.name, "roles": list(person.roles), "csrf": secrets.token_urlsafe(24), "by": by}
        return jwt.encode(
            {**told, "iat": now, "exp": now + self._seconds, "aud": "hilum"}, self._key, algorithm="HS256"
        )

    def person(self, request: Request) -> Person:
        """Return who asks.

        Raises:
            Refusal: 401 if nobody known does.
        """
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        if kind:
            secret = given.strip() if kind.lower() == "bearer" else _basic(given) if kind.lower() == "basic" else ""
            found = self.tokens.find(secret) if secret else None
            if found is None:
                raise Refusal(401, "the token is not known here", "Ask an administrator for a new one.")
            return found
        found = self._of_cookie(request.cookies.get(COOKIE, ""))
        if found is None:
            raise Refusal(401, "nobody is signed in", "Sign in, or send a token: 'Authorization: Bearer ...'.")
        return found

    def who(self, request: Request) -> Session:
        """Return the session of the reading room; a machine's token needs no second one for its writes.

        Raises:
            Refusal: 401 as `person`, 403 for a write from another site or without the session's token.
        """
        person = self.person(request)
        if request.method not in SAFE:
            guard(request, person)
        readonly = not {"reader", "admin"} & set(person.roles)
        return Session(person.name, person.roles, person.csrf, readonly, proven=not person.csrf)

    def admin(self, request: Request) -> Person:
        """Return who asks, if that is an administrator.

        Raises:
            Refusal: 401, 403.
        """
        person = self.person(request)
        if not _admin(person):
            raise Refusal(403, f"'{person.name}' is not an administrator", "Ask one, or sign in as one.")
        if request.method not in SAFE:
            guard(request, person)
        return person

    def _of_cookie(self, cookie: str) -> Person | None:
        try:
            told = jwt.decode(
                cookie, self._key, algorithms=["HS256"], audience="hilum", options={"require": ["exp", "sub"]}
            )
        except jwt.InvalidTokenError:
            return None
        if told.get("by") == "token" and not self.tokens.has(str(told["sub"])):
            return None
        roles = tuple(role for role in told.get("roles", ()) if role in ROLES)
        return Person(str(told["sub"]), roles, str(told.get("csrf", "")))


def guard(request: Request, person: Person) -> None:
    """Refuse a browser's write that does not come from our own page.

    Raises:
        Refusal: 403.
    """
    if not person.csrf:  # it proved itself in the request, which no other site can make a browser do
        return
    same_origin(request)
    if not hmac.compare_digest(request.headers.get("x-hilum-csrf", "").encode(), person.csrf.encode()):
        raise Refusal(403, "the write does not carry this session's token", "Load the page again.")


def _admin(person: Person) -> bool:
    return "admin" in person.roles


def _basic(given: str) -> str:
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except (ValueError, UnicodeDecodeError):
        return ""


def _signing_key(path: Path) -> bytes:
    if not path.is_file():
        write_secret(path, secrets.token_hex(32))
    key = path.read_text(encoding="ascii").strip()
    if len(key) < 32:
        raise InputError(f"the signing key in '{path}' is damaged: remove the file, everybody signs in anew")
    return key.encode()
