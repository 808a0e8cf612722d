"""A department in this process, without ports or workers, and a client that speaks to its application."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("dbos", reason="the server needs hilum[serve]")
from starlette.testclient import TestClient

from hilum.app.serve.access import Access
from hilum.app.serve.application import application
from hilum.app.serve.department import Department
from hilum.app.serve.settings import load


class Served:
    """What a test needs of a server."""

    def __init__(self, web: Any, department: Department, access: Access) -> None:
        self.web, self.department, self.access = web, department, access
        self.admin = {"Authorization": f"Bearer {access.tokens.add('boss', role='admin')}"}
        self.reader = {"Authorization": f"Bearer {access.tokens.add('jo')}"}

    def client(self, **options: Any) -> TestClient:
        """A browser of its own: cookies, no redirects."""
        told = {"base_url": "http://room.example", "follow_redirects": False, "raise_server_exceptions": False}
        return TestClient(self.web, **{**told, **options})


@contextmanager
def served(root: Path, **changes: Any) -> Iterator[Served]:
    """A server over an empty folder."""
    plain = {"root": str(root), "dicom.enabled": False, "work.enabled": False, "limits.requests_per_minute": 0}
    told = {**plain, **{key.replace("__", "."): value for key, value in changes.items()}}
    settings = load(None, told)
    with Department(settings) as department:
        access = Access(root)
        yield Served(application(settings, department, access), department, access)
