"""Who may come in: tokens, sessions, roles, other sites' requests."""

from __future__ import annotations

import base64
import json
import stat
from pathlib import Path

import pytest

jwt = pytest.importorskip("jwt", reason="needs hilum[serve]")
from starlette.requests import Request  # noqa: E402

from hilum.app.serve.access import COOKIE, Access, Person, Tokens  # noqa: E402
from hilum.app.view.api import Refusal  # noqa: E402
from hilum.core.errors import InputError, MissingError  # noqa: E402


def _asked(method: str = "GET", cookie: str = "", **headers: str) -> Request:
    told = {"host": "room.example", **({"cookie": f"{COOKIE}={cookie}"} if cookie else {})}
    told |= {name.replace("_", "-"): value for name, value in headers.items()}
    return Request({
        "type": "http", "method": method, "path": "/", "query_string": b"", "scheme": "http",
        "headers": [(name.encode(), value.encode()) for name, value in told.items()],
    })  # fmt: skip


def _status(access: Access, request: Request, *, admin: bool = False) -> int:
    try:
        (access.admin if admin else access.who)(request)
    except Refusal as refusal:
        return refusal.status
    return 200


def test_only_digests_are_kept_and_only_for_the_owner(tmp_path: Path) -> None:
    tokens = Tokens(tmp_path / "access" / "tokens.json")
    secret = tokens.add("modality", role="reader")
    path = tmp_path / "access" / "tokens.json"
    assert secret not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tokens.find(secret) == Person("modality", ("reader",))
    assert tokens.find(secret + "x") is None
    assert tokens.find("") is None


def test_tokens_are_replaced_and_revoked_between_processes(tmp_path: Path) -> None:
    here, there = Tokens(tmp_path / "tokens.json"), Tokens(tmp_path / "tokens.json")
    first = here.add("a")
    assert there.find(first) is not None
    second = there.add("a", role="admin")
    assert here.find(first) is None
    assert here.find(second) == Person("a", ("admin",))
    here.revoke("a")
    assert there.find(second) is None
    with pytest.raises(MissingError, match="no token 'a'"):
        there.revoke("a")


@pytest.mark.parametrize("name, role", [("", "reader"), ("a\nb", "reader"), ("x" * 65, "reader"), ("a", "root")])
def test_bad_names_and_roles(tmp_path: Path, name: str, role: str) -> None:
    with pytest.raises(InputError):
        Tokens(tmp_path / "tokens.json").add(name, role=role)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="damaged"):
        Tokens(tmp_path / "tokens.json").find("x")


def test_bearer_and_basic(tmp_path: Path) -> None:
    access = Access(tmp_path)
    secret = access.tokens.add("pacs")
    basic = base64.b64encode(f"any:{secret}".encode()).decode()
    assert access.who(_asked(authorization=f"Bearer {secret}")).user == "pacs"
    assert access.who(_asked(authorization=f"Basic {basic}")).user == "pacs"
    for wrong in ("Bearer x", "Basic x", "Basic ====", "Digest x", "Bearer"):
        assert _status(access, _asked(authorization=wrong)) == 401
    assert _status(access, _asked()) == 401


def test_a_session_needs_its_token_and_its_own_page_to_write(tmp_path: Path) -> None:
    access = Access(tmp_path)
    access.tokens.add("jo")
    cookie = access.session(Person("jo", ("reader",)))
    csrf = access.who(_asked(cookie=cookie)).csrf
    assert csrf
    assert _status(access, _asked("PUT", cookie, x_hilum_csrf=csrf, origin="http://room.example")) == 200
    assert _status(access, _asked("PUT", cookie)) == 403
    assert _status(access, _asked("PUT", cookie, x_hilum_csrf=csrf + "x")) == 403
    assert _status(access, _asked("PUT", cookie, x_hilum_csrf=csrf, origin="http://evil.example")) == 403
    assert _status(access, _asked("PUT", cookie, x_hilum_csrf=csrf, sec_fetch_site="cross-site")) == 403
    assert _status(access, _asked("PUT", cookie, x_hilum_csrf=csrf, origin="null")) == 403
    own = _asked("PUT", cookie, x_hilum_csrf=csrf, origin="null", sec_fetch_site="same-origin")
    assert _status(access, own) == 200, "a browser that withholds the referrer"


def test_roles(tmp_path: Path) -> None:
    access = Access(tmp_path)
    reader, admin = access.tokens.add("r"), access.tokens.add("a", role="admin")
    assert _status(access, _asked(authorization=f"Bearer {reader}"), admin=True) == 403
    assert _status(access, _asked(authorization=f"Bearer {admin}"), admin=True) == 200
    assert _status(access, _asked(), admin=True) == 401


def test_sessions_end_with_time_with_the_token_and_with_the_key(tmp_path: Path) -> None:
    access = Access(tmp_path)
    access.tokens.add("jo")
    good = access.session(Person("jo", ("reader",)))
    assert _status(access, _asked(cookie=good)) == 200
    old = Access(tmp_path, session_hours=-1.0).session(Person("jo", ("reader",)))
    assert _status(access, _asked(cookie=old)) == 401
    other = Access(tmp_path / "other").session(Person("jo", ("admin",)))
    assert _status(access, _asked(cookie=other)) == 401
    access.tokens.revoke("jo")
    assert _status(access, _asked(cookie=good)) == 401


def test_a_forged_session_is_nobody(tmp_path: Path) -> None:
    access = Access(tmp_path)
    access.tokens.add("jo")
    head, body, _ = access.session(Person("jo", ("reader",))).split(".")
    told = json.loads(base64.urlsafe_b64decode(body + "=="))
    told["roles"] = ["admin"]
    raised = base64.urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")
    unsigned = jwt.encode(told, None, algorithm="none")
    for forged in (f"{head}.{raised}.", unsigned, "x", "a.b.c"):
        assert _status(access, _asked(cookie=forged)) == 401
