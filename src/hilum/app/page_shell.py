"""The shell of every page: template, style, the one script that may run, and the caution line."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from string import Template

from hilum import __version__
from hilum.app.markup import text

CAUTION = "AI-made · Research use only · not a medical device"
COMPUTED = "Computed from a CT, never exposed · Research use only · not a medical device"


@cache
def _static(name: str) -> str:
    """Return a text file of `static/` with newlines as the HTML parser sees them, so that its hash holds."""
    return files("hilum.app").joinpath("static", name).read_text(encoding="utf-8").replace("\r\n", "\n")


def document(kind: str, title: str, *, caution: str = CAUTION, **slots: object) -> str:
    """Fill a page template; slots are escaped unless they are markup, and only the page's own script may run."""
    script = _static("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    filled = {name: text(value) for name, value in slots.items()}
    body = _static(f"{kind}.html")
    scripts = f"script-src 'sha256-{digest}'; " if "$js" in body else ""
    head = Template(_static("head.html")).substitute(title=text(title), version=text(__version__), scripts=scripts)
    return Template(body).substitute(filled, head=head, css=_static("page.css"), js=script, caution=text(caution))
