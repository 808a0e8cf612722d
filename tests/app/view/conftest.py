"""Studies for the reading room's tests: made ones, the bundled film, and a client that came in by the link."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hilum.app.outputs import write_study
from hilum.app.view.local import LocalShelf
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask
from hilum.core.study import Study
from hilum.systems.interpret import Reading
from hilum.text.phrase import compose

EXAMPLE = Path(str(files("hilum").joinpath("app/static/example-film.dcm")))
MODEL = MadeBy("test-model", "1", "ab" * 32)
NOW = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FILM = "2.25.11"


def film(name: str = FILM, view: str = "PA", shape: tuple[int, int] = (96, 80), **facts: Any) -> Image:
    """A film with whole grey values up to 4095."""
    values = np.random.default_rng(len(name)).integers(0, 4096, shape).astype(np.float32)
    told = {"orientation": ("L", "F"), "spacing_mm": (0.5, 0.4), "spacing_plane": "detector"}
    return Image(values, view=view, id=name, **{**told, **facts})  # type: ignore[arg-type]


def lungs(name: str = FILM, shape: tuple[int, int] = (96, 80)) -> Mask:
    """Two lungs; as the film lies, the patient's right one is on the left."""
    pixels = np.zeros(shape, bool)
    pixels[15:75, 8:36] = pixels[15:75, 44:72] = True
    return Mask(pixels, image=name, label="lungs")


def study_of(*findings: Finding, films: tuple[Image, ...] = (), missing: tuple[str, ...] = (), **facts: Any) -> Study:
    """A study as a model leaves it: findings, draft, and what it did not assess."""
    shown = films or (film(),)
    made = Study(facts.pop("id", "s1"), facts.pop("patient", "p1"), images=shown, **facts)
    gaps = tuple((name, "too few test films") for name in missing)
    draft = compose(
        findings, not_assessed=missing, views=[each.view for each in shown], prior_read=made.prior is not None
    )
    return made.add(findings=findings, report=draft, made_by=MODEL, not_assessed=gaps)


def found(concept: str = "pleural effusion", state: str = "present", **facts: Any) -> Finding:
    """A finding of the model."""
    told: dict[str, Any] = {"probability": 0.8, "calibration": "platt", "made_by": MODEL, "id": f"f-{concept}"}
    return Finding(concept, state, **{**told, **facts})  # type: ignore[arg-type]


def usual() -> Study:
    """An effusion with a box, no pneumothorax, perhaps a nodule."""
    box = Box(10, 50, 30, 70, image=FILM)
    return study_of(
        found("pleural effusion", sites=("right pleural space",), regions=(box,), id="f-effusion"),
        found("pneumothorax", "absent", probability=0.05, id="f-pneumothorax"),
        found("lung nodule", "uncertain", probability=0.4, id="f-nodule"),
        missing=("lung mass", "hernia"),
    )


def stored(folder: Path, study: Study, **options: Any) -> Path:
    """Write a study as `hilum read` does and return its folder."""
    evidence = {"findings": {"pleural effusion": {"auroc": 0.91, "interval": [0.85, 0.95], "n": 200}}}
    names = {each.id: f"{each.view}.png" for each in study.films}
    write_study(folder / study.id, Reading(study, (lungs(),)), names, card=evidence, **options)
    return folder / study.id


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A results folder with one study."""
    stored(tmp_path / "out", usual())
    return tmp_path / "out"


@pytest.fixture
def shelf(results: Path) -> Iterator[LocalShelf]:
    from hilum.app.view.folder import from_results

    made = LocalShelf(from_results(results))
    yield made
    made.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open a shelf as an application and return a client that used its link, with the token for writes."""
    pytest.importorskip("httpx", reason="the test client needs httpx")
    testclient = pytest.importorskip("fastapi.testclient", reason="the page needs fastapi")
    from hilum.app.view.room import Door, application

    bundle = tmp_path / "bundle"
    (bundle / "assets").mkdir(parents=True)
    (bundle / "index.html").write_text("<!doctype html><html><head><title>Room</title></head><body></body></html>")
    (bundle / "assets" / "main-AbCdEf12.js").write_text("export const words = '" + "word " * 400 + "';")
    (bundle / "assets" / "decode-AbCdEf12.wasm").write_bytes(b"\0asm" + bytes(3_000))
    (bundle / "assets" / "worker.mjs").write_text("export {};")
    clients = []

    def enter(shelf: LocalShelf, *, prefix: str = "", enter: bool = True, **door: Any) -> Any:
        desk = Door(**{"reader": "Dr. Test", **door})
        app = application(shelf, desk, prefix=prefix, root=bundle)
        client = testclient.TestClient(app, base_url="http://127.0.0.1:8765", raise_server_exceptions=False)
        clients.append(client)
        client.door = desk
        if enter:
            assert client.get(f"{prefix}/?token={desk.token}", follow_redirects=False).status_code == 303
            client.csrf = {"X-Hilum-CSRF": client.get(f"{prefix}/api/session").json()["csrf"]}
            for name, value in list(client.cookies.items()):  # a proxy that strips the prefix
                client.cookies.clear()
                client.cookies.set(name, value)
        return client

    yield enter
    for client in clients:
        client.close()
