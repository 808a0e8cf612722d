"""Sign-in through a provider: a real one on this machine, honest and otherwise."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

jwt = pytest.importorskip("jwt", reason="needs hilum[serve]")
rsa = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.rsa", reason="needs hilum[serve]")

from hilum.app.serve.oidc import Provider  # noqa: E402
from hilum.app.serve.settings import Oidc  # noqa: E402
from hilum.app.view.api import Refusal  # noqa: E402
from hilum.core.errors import InputError, MissingError  # noqa: E402

BACK = "https://room.example/oidc/back"


class Idp:
    """A provider that gives one code per sign-in and checks PKCE as RFC 7636 says."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.signing: Any = self.key
        self.claims: dict[str, Any] = {"sub": "42", "preferred_username": "jo", "groups": ["hilum-reader"]}
        self.begun: dict[str, dict[str, str]] = {}
        idp = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._say(idp.document() if "well-known" in self.path else idp.keys())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                self._say(idp.token({name: values[0] for name, values in parse_qs(body).items()}))

            def _say(self, told: Any) -> None:
                data = json.dumps(told or {"error": "invalid_grant"}).encode()
                self.send_response(200 if told else 400)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self) -> dict[str, str]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
        }  # fmt: skip

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [{**public, "kid": "1", "use": "sig", "alg": "RS256"}]}

    def authorize(self, url: str) -> tuple[str, str]:
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = f"code-{len(self.begun)}"
        self.begun[code] = asked
        return code, asked["state"]

    def token(self, form: dict[str, str]) -> dict[str, str] | None:
        asked = self.begun.pop(form["code"], None)
        proof = base64.urlsafe_b64encode(sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if asked is None or asked["code_challenge"] != proof or form["redirect_uri"] != asked["redirect_uri"]:
            return None
        now = int(time.time())
        told = {"iss": self.issuer, "aud": "hilum", "iat": now, "exp": now + 60, "nonce": asked["nonce"], **self.claims}
        return {"id_token": jwt.encode(told, self.signing, algorithm="RS256", headers={"kid": "1"})}


@pytest.fixture(scope="module")
def served() -> Iterator[Idp]:
    made = Idp()
    yield made
    made.server.shutdown()


@pytest.fixture
def idp(served: Idp) -> Idp:
    served.signing, served.claims = served.key, {"sub": "42", "preferred_username": "jo", "groups": ["hilum-reader"]}
    return served


@pytest.fixture
def provider(idp: Idp) -> Provider:
    return Provider(Oidc(issuer=idp.issuer, client_id="hilum"))


def _sign_in(provider: Provider, idp: Idp) -> Any:
    url, cookie = provider.begin(BACK)
    code, state = idp.authorize(url)
    return provider.finish(code=code, state=state, cookie=cookie, redirect_url=BACK)


def test_somebody_comes_in_with_his_roles(provider: Provider, idp: Idp) -> None:
    person = _sign_in(provider, idp)
    assert (person.name, person.roles) == ("jo", ("reader",))
    idp.claims["groups"] = ["hilum-admin", "others"]
    assert _sign_in(provider, idp).roles == ("admin",)


def test_no_group_no_way_in(provider: Provider, idp: Idp) -> None:
    idp.claims["groups"] = ["others"]
    with pytest.raises(Refusal) as caught:
        _sign_in(provider, idp)
    assert caught.value.status == 403


@pytest.mark.parametrize(
    "wrong", [{"aud": "another"}, {"iss": "http://elsewhere"}, {"exp": 1}, {"nonce": "another"}, {"nonce": ""}]
)
def test_a_word_that_does_not_check(provider: Provider, idp: Idp, wrong: dict[str, Any]) -> None:
    idp.claims |= wrong
    with pytest.raises(Refusal) as caught:
        _sign_in(provider, idp)
    assert caught.value.status == 401


def test_signed_by_somebody_else(provider: Provider, idp: Idp) -> None:
    idp.signing = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Refusal) as caught:
        _sign_in(provider, idp)
    assert caught.value.status == 401


def test_a_sign_in_of_another_browser_and_one_used_twice(provider: Provider, idp: Idp) -> None:
    url, cookie = provider.begin(BACK)
    code, state = idp.authorize(url)
    with pytest.raises(Refusal, match="not begun here"):
        provider.finish(code=code, state=state, cookie="", redirect_url=BACK)
    with pytest.raises(Refusal, match="not begun here"):  # and the state is spent
        provider.finish(code=code, state=state, cookie=cookie, redirect_url=BACK)


def test_a_code_of_another_sign_in_fails_the_proof(provider: Provider, idp: Idp) -> None:
    url, _ = provider.begin(BACK)
    code, _ = idp.authorize(url)
    _, cookie = provider.begin(BACK)
    with pytest.raises(Refusal) as caught:
        provider.finish(code=code, state=cookie, cookie=cookie, redirect_url=BACK)
    assert caught.value.status == 401


def test_settings_that_cannot_work(idp: Idp) -> None:
    with pytest.raises(InputError, match="https"):
        Provider(Oidc(issuer="http://login.example", client_id="hilum"))
    with pytest.raises(InputError, match="client_id"):
        Provider(Oidc(issuer=idp.issuer))
    with pytest.raises(MissingError, match="does not answer"):
        Provider(Oidc(issuer="http://127.0.0.1:9", client_id="hilum")).document()
    other = replace(Oidc(issuer=idp.issuer.replace("127.0.0.1", "localhost"), client_id="hilum"))
    with pytest.raises(InputError, match="calls itself"):
        Provider(other).document()
