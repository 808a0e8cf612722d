"""Sign-in through an OpenID Connect provider: authorization code with PKCE, state and nonce."""

from __future__ import annotations

import base64
import hmac
import secrets
import threading
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from hilum.app.serve.access import Person
from hilum.app.serve.settings import Oidc
from hilum.app.view.api import Refusal
from hilum.core.errors import InputError, MissingError, need

try:
    import httpx
    import jwt
except ImportError:
    raise need("httpx", "serve", "sign-in through OpenID Connect") from None

_ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "PS256", "EdDSA")
_PATIENCE_S = 600.0
_DOCUMENT_S = 3600.0


class Provider:
    """One OpenID Connect provider (OpenID Connect Core 1.0; RFC 7636 for PKCE).

    Args:
        settings: issuer, client and the groups that give roles.

    Raises:
        InputError: if the issuer is not https (http is let through on this machine alone), or the client has no id.
    """

    def __init__(self, settings: Oidc) -> None:
        parts = urlsplit(settings.issuer)
        local = parts.hostname in ("127.0.0.1", "localhost", "::1")
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise InputError(f"oidc.issuer must be an https address, got '{settings.issuer}'")
        if not settings.client_id:
            raise InputError("oidc.client_id is missing: register Hilum at the provider and write its client id there")
        self._settings = settings
        self._document: tuple[float, dict[str, Any]] = (0.0, {})
        self._keys: jwt.PyJWKClient | None = None
        self._begun: dict[str, tuple[float, str, str]] = {}
        self._guard = threading.Lock()

    def document(self) -> dict[str, Any]:
        """Return the provider's discovery document, asked for at most once an hour.

        Raises:
            MissingError: if the provider does not answer.
            InputError: if the document names another issuer.
        """
        asked, known = self._document
        if known and time.monotonic() - asked < _DOCUMENT_S:
            return known
        url = self._settings.issuer.rstrip("/") + "/.well-known/openid-configuration"
        try:
            told = httpx.get(url, timeout=10.0).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise MissingError(f"the sign-in provider does not answer at {url}: {error}") from error
        if str(told.get("issuer", "")).rstrip("/") != self._settings.issuer.rstrip("/"):
            raise InputError(f"the provider calls itself '{told.get('issuer')}', not '{self._settings.issuer}'")
        self._document = (time.monotonic(), dict(told))
        self._keys = jwt.PyJWKClient(str(told["jwks_uri"]), timeout=10)
        return self._document[1]

    def begin(self, redirect_url: str) -> tuple[str, str]:
        """Return where to send the browser, and the state it must bring back."""
        state, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        now = time.monotonic()
        with self._guard:
            self._begun = {key: kept for key, kept in self._begun.items() if now - kept[0] < _PATIENCE_S}
            if len(self._begun) > 10_000:
                raise Refusal(503, "too many sign-ins have been begun", "Try again in a few minutes.")
            self._begun[state] = (now, verifier, nonce)
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code", "client_id": self._settings.client_id, "redirect_uri": redirect_url,
            "scope": "openid profile", "state": state, "nonce": nonce,
            "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        return f"{self.document()['authorization_endpoint']}?{urlencode(asked)}", state

    def finish(self, *, code: str, state: str, cookie: str, redirect_url: str) -> Person:
        """Return who came back from the provider.

        Args:
            code, state: what the provider sent with the browser.
            cookie: the state that this browser began with.
            redirect_url: as in `begin`.

        Raises:
            Refusal: 401 if the sign-in was not begun by this browser or the provider's word does not check; 403 if
                the person is in no group that may come in.
        """
        with self._guard:
            kept = self._begun.pop(state, None)
        same = hmac.compare_digest(state.encode(), cookie.encode())
        if kept is None or not same or time.monotonic() - kept[0] > _PATIENCE_S:
            raise Refusal(401, "this sign-in was not begun here, or too long ago", "Sign in again.")
        _, verifier, nonce = kept
        claims = self._claims(code, verifier, redirect_url)
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), nonce.encode()):
            raise Refusal(401, "the provider's answer belongs to another sign-in", "Sign in again.")
        return self._person(claims)

    def _claims(self, code: str, verifier: str, redirect_url: str) -> dict[str, Any]:
        secret_file = self._settings.client_secret_file
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_url,
            "client_id": self._settings.client_id, "code_verifier": verifier,
            **({"client_secret": Path(secret_file).read_text(encoding="utf-8").strip()} if secret_file else {}),
        }  # fmt: skip
        document = self.document()
        try:
            answer = httpx.post(str(document["token_endpoint"]), data=form, timeout=10.0).raise_for_status().json()
            token = str(answer["id_token"])
            if self._keys is None:
                raise KeyError("jwks_uri")
            return dict(
                jwt.decode(
                    token, self._keys.get_signing_key_from_jwt(token).key, algorithms=list(_ALGORITHMS),
                    audience=self._settings.client_id, issuer=str(document["issuer"]), leeway=60,
                    options={"require": ["exp", "iat", "sub", "aud", "iss"]},
                )
            )  # fmt: skip
        except (httpx.HTTPError, jwt.PyJWTError, KeyError, ValueError) as error:
            raise Refusal(
                401, f"the provider's answer does not check ({type(error).__name__})", "Sign in again."
            ) from error

    def _person(self, claims: Mapping[str, Any]) -> Person:
        told = claims.get(self._settings.role_claim, ())
        groups = {told} if isinstance(told, str) else {str(each) for each in told} if isinstance(told, list) else set()
        roles = tuple(
            role
            for role, named in (("reader", self._settings.readers), ("admin", self._settings.admins))
            if groups & set(named)
        )
        name = str(claims.get(self._settings.name_claim) or claims["sub"])[:64]
        if not roles:
            raise Refusal(403, f"'{name}' is in no group that may come in", "Ask an administrator of the provider.")
        return Person(name, roles)
