"""Signing in with a token, and signing out: a plain form that needs no script."""

from __future__ import annotations

import asyncio
from html import escape
from urllib.parse import parse_qs

from hilum import RESEARCH_USE, __version__
from hilum.app.serve.access import COOKIE, Access, Person
from hilum.app.serve.audit import Audit
from hilum.app.serve.limits import Counter, client_of
from hilum.app.view.api import Refusal, same_origin
from hilum.core.errors import need

try:
    from fastapi import APIRouter, Request, Response
    from fastapi.responses import HTMLResponse, RedirectResponse
except ImportError:
    raise need("fastapi", "serve", "signing in") from None

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
_LARGEST = 4096
_STYLE = """
:root{color-scheme:dark}*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center}
body{background:#0b0e11;color:#dfe5ea;font:16px/1.5 system-ui,sans-serif}
main{width:min(26rem,92vw);padding:2rem;background:#141a20;border:1px solid #2a343d;border-radius:12px}
h1{margin:0 0 .25rem;font-size:1.5rem}p{margin:.25rem 0 1rem;color:#a9b6c1}label{display:block;margin-bottom:.35rem}
input{width:100%;padding:.6rem .7rem;font:inherit;color:inherit}
input{background:#0b0e11;border:1px solid #4b5a66;border-radius:8px}
button,a.button{display:block;width:100%;margin-top:1rem;padding:.65rem;text-align:center;text-decoration:none}
button,a.button{font:inherit;font-weight:600;color:#06212b;background:#7fd4e8;border:0;border-radius:8px;cursor:pointer}
:focus-visible{outline:3px solid #ffd166;outline-offset:2px}.wrong{color:#ffb4a8}small{color:#a9b6c1}
"""


def router(access: Access, audit: Audit, wrong: Counter, *, secure: bool, provider: bool) -> APIRouter:
    """Return the routes `signin`, `signout`.

    Args:
        access: checks tokens and signs sessions.
        audit: hears of every sign-in, failed ones included.
        wrong: counts failed sign-ins by address.
        secure: send the cookie over TLS only.
        provider: offer the sign-in of an OpenID Connect provider.
    """
    made = APIRouter(include_in_schema=False)

    async def form(request: Request) -> Response:
        return _form(request, provider)

    async def enter(request: Request) -> Response:
        same_origin(request)
        address = client_of(request.scope)
        if not wrong.open(address):
            raise Refusal(429, "too many failed sign-ins from this address", "Wait a minute.")
        fields = parse_qs((await _body(request)).decode("utf-8", "replace"))
        person = access.tokens.find(fields.get("token", [""])[0].strip())
        if person is None:
            wrong.hit(address)
            await asyncio.to_thread(audit.note, "unknown", "sign-in refused", address=address)
            return _form(request, provider, "This token is not known here. Check it, or ask an administrator.")
        await asyncio.to_thread(audit.note, person.name, "sign-in", address=address)
        return let_in(request, access, person, secure=secure)

    async def leave(request: Request) -> Response:
        same_origin(request)
        answer = RedirectResponse(f"{request.scope.get('root_path', '')}/signin", 303)
        answer.delete_cookie(COOKIE, path=f"{request.scope.get('root_path', '')}/")
        return answer

    made.add_api_route("/signin", form, methods=["GET"])
    made.add_api_route("/signin", enter, methods=["POST"])
    made.add_api_route("/signout", leave, methods=["POST"])
    return made


def let_in(request: Request, access: Access, person: Person, *, secure: bool, by: str = "token") -> Response:
    """Return the way to the page with a session's cookie: not readable by scripts, not sent from other sites."""
    root = request.scope.get("root_path", "")
    # From a provider's page the browser arrives by a link of another site, which a strict cookie would not survive.
    answer = RedirectResponse(f"{root}/", 303)
    answer.set_cookie(
        COOKIE, access.session(person, by=by), path=f"{root}/", httponly=True, secure=secure,
        samesite="strict" if by == "token" else "lax",
    )  # fmt: skip
    return answer


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST:
            raise Refusal(413, "a sign-in holds a token and no more")
    return body


def _form(request: Request, provider: bool, wrong: str = "") -> HTMLResponse:
    root = escape(request.scope.get("root_path", ""), quote=True)
    other = f'<a class="button" href="{root}/oidc/go">Sign in with your organisation</a>' if provider else ""
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    page = f"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sign in · Hilum</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>
<body><main><h1>Hilum</h1><p>The reading room. {escape(RESEARCH_USE)}</p>{told}
<form method="post" action="{root}/signin"><label for="token">Access token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Sign in</button></form>{other}<p><small>Version {escape(__version__)}. Tokens are made with
<code>hilum serve --add-token NAME</code>.</small></p></main></body></html>"""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store", "Referrer-Policy": "same-origin"}
    return HTMLResponse(page, 401 if wrong else 200, headers)
