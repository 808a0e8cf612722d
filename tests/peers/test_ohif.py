"""OHIF's ready build over our DICOMweb: the film, our masks laid on it, our boxes with their probabilities.

The build (npm, MIT) is fetched once into ~/.cache/hilum-ohif, or where HILUM_OHIF says. Screenshots go to the folder
that HILUM_SHOTS names, else to the test's own.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

httpx = pytest.importorskip("httpx", reason="needs hilum[serve]")
pytest.importorskip("dbos", reason="needs hilum[serve]")

from hilum.app.serve.peer import store_files  # noqa: E402
from tests.app.serve.process import Serving, free_port, running, until  # noqa: E402
from tests.browser.test_room import CHROMIUM, PLAYWRIGHT  # noqa: E402
from tests.peers.conftest import example, study_uid  # noqa: E402
from tests.peers.test_nginx import NGINX  # noqa: E402

VERSION = "3.13.2"  # named, as npm would choose an older one for an older node
PLACE = Path(os.environ.get("HILUM_OHIF") or Path.home() / ".cache" / "hilum-ohif" / VERSION)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="needs a Chromium browser"),
    pytest.mark.skipif(PLAYWRIGHT is None, reason="needs playwright-core: npm i --no-save playwright-core in viewer/"),
    pytest.mark.skipif(not os.access(NGINX, os.X_OK), reason="needs nginx (Debian: nginx-light)"),
    pytest.mark.skipif(shutil.which("npm") is None or shutil.which("node") is None, reason="needs node and npm"),
]
CONFIG = """window.config = { routerBasename: null, extensions: [], modes: [], customizationService: {},
  showStudyList: true, showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false, maxNumberOfWebWorkers: 2,
  strictZSpacingForVolumeViewport: true, defaultDataSourceName: 'hilum', dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'hilum', configuration: {
      friendlyName: 'Hilum', name: 'hilum', qidoRoot: '/dicomweb', wadoRoot: '/dicomweb', wadoUriRoot: '/dicomweb',
      qidoSupportsIncludeField: true, supportsFuzzyMatching: false, supportsWildcard: true, imageRendering: 'wadors',
      thumbnailRendering: 'wadors', enableStudyLazyLoad: true, omitQuotationForMultipartRequest: true,
      bulkDataURI: { enabled: true } } }] };
"""


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OHIF's folder of files, fetched if it is not there."""
    if not (PLACE / "dist" / "index.html").is_file():
        place = tmp_path_factory.mktemp("npm")
        fetched = subprocess.run(
            ["npm", "pack", f"@ohif/app@{VERSION}", "--silent"], cwd=place, capture_output=True, text=True, check=False
        )
        packed = next(place.glob("*.tgz"), None)
        if fetched.returncode or packed is None:
            pytest.skip(f"OHIF could not be fetched from npm: {fetched.stderr.strip()[-200:]}")
        with tarfile.open(packed) as archive:
            archive.extractall(place, filter="data")
        PLACE.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(str(place / "package"), PLACE)
    return PLACE / "dist"


def _settings(folder: Path, build: Path, port: int, server: Serving) -> str:
    own = re.findall(r":(\d+)/", server.url)[0]
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{name}_temp_path {folder}/{name};" for name in names)
    types = "text/html html; text/css css; application/javascript js mjs; application/wasm wasm; application/json json;"
    account = "user root;" if os.getuid() == 0 else ""
    return f"""{account} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; events {{}}
        http {{ access_log off; {temporary} types {{ {types} image/svg+xml svg; image/png png; }}
        server {{ listen 127.0.0.1:{port}; root {build};
            location = /app-config.js {{ alias {folder}/app-config.js; }}
            location /dicomweb/ {{ proxy_pass http://127.0.0.1:{own}; proxy_set_header Host $http_host;
                proxy_set_header Authorization "Bearer {server.token}"; }}
            location / {{ try_files $uri /index.html; }} }} }}"""


@pytest.fixture(scope="module")
def seen(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the browser saw of one study, beside what our page would show of it."""
    place = tmp_path_factory.mktemp("ohif")
    shots = Path(os.environ.get("HILUM_SHOTS") or place / "shots")
    shots.mkdir(parents=True, exist_ok=True)
    with running(place / "root", "--set", "work.settle_seconds=1.0") as server:
        store_files(server.node, [example(place, 1)])
        server.all_read(1)
        port = free_port()
        (place / "app-config.js").write_text(CONFIG, encoding="utf-8")
        (place / "nginx.conf").write_text(_settings(place, build, port, server), encoding="utf-8")
        proxy = subprocess.Popen([NGINX, "-p", str(place), "-c", str(place / "nginx.conf")], stderr=subprocess.PIPE)
        try:
            home = f"http://127.0.0.1:{port}"
            until(lambda: len(server.instances()) == 5, "the film and four objects about it")
            until(lambda: _answers(f"{home}/dicomweb/studies"), "nginx answers", 30)
            script = ["node", str(Path(__file__).with_name("ohif.mjs")), home, study_uid(1), str(shots)]
            told = {**os.environ, "HILUM_PLAYWRIGHT": str(PLAYWRIGHT), "HILUM_CHROMIUM": str(CHROMIUM)}
            done = subprocess.run(script, capture_output=True, text=True, timeout=400, env=told, check=False)
            assert done.returncode == 0, done.stderr
            sheet = server.get(f"api/studies/{study_uid(1)}")
            yield {**json.loads(done.stdout), "sheet": sheet, "shots": shots}
        finally:
            proxy.terminate()
            proxy.wait(20)


def _answers(url: str) -> bool:
    try:
        return bool(httpx.get(url, timeout=10).status_code == 200)
    except httpx.TransportError:
        return False


def test_the_study_is_listed_and_its_film_drawn_without_a_refusal(seen: dict[str, Any]) -> None:
    assert seen["listed"]
    assert seen["failed"] == []
    assert seen["abroad"] == []
    assert seen["film"]["light"] > 0.3, "a film, not a black pane"
    assert seen["film"]["colour"] < 0.02, "and nothing drawn over it yet"


def test_our_masks_are_laid_on_the_film(seen: dict[str, Any]) -> None:
    assert 0.15 < seen["SEG"]["colour"] < 0.6, "lungs take about a third of the picture"


def test_our_boxes_are_drawn_with_what_they_are(seen: dict[str, Any]) -> None:
    shown = next(item for item in seen["sheet"]["findings"] if item["boxes"])
    assert seen["SR"]["colour"] > seen["film"]["colour"]
    assert f"Probability: {shown['probability']:.2f}" in seen["SR"]["words"]
    assert "research use only" in seen["SR"]["words"]
    assert {path.name for path in seen["shots"].iterdir()} >= {"ohif-film.png", "ohif-seg.png", "ohif-sr.png"}
