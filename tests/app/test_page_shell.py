"""Every page has one head: escaped title, and no script but its own."""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from string import Template

import pytest

from hilum.app.page_shell import document

STATIC = files("hilum.app").joinpath("static")
KINDS = sorted(path.name.removesuffix(".html") for path in STATIC.iterdir() if path.name.endswith(".html"))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "head"])
def test_a_page_lets_its_own_script_run_and_no_other(kind: str) -> None:
    body = STATIC.joinpath(f"{kind}.html").read_text()
    own = ("title", "css", "js", "digest", "caution", "version", "head")
    slots = {name: f"<{name}>" for name in Template(body).get_identifiers() if name not in own}
    page = document(kind, "a <b> & c", **slots)
    assert page.startswith("<!DOCTYPE html>\n<html")
    assert "<title>a &lt;b&gt; &amp; c</title>" in page
    assert page.count("Content-Security-Policy") == 1
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy.startswith("default-src 'none';")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.S)
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    assert [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in scripts] == allowed
    assert all(f"&lt;{name}&gt;" in page for name in slots)
