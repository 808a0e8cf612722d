"""The page's films against the toolkit's own display values: a real browser, the strict CSP, a proxy's prefix."""

import http.server
import json
import mimetypes
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from hilum.io.dicom import read_image

STATIC = Path(__file__).parents[2] / "src" / "hilum" / "app" / "static"
PREFIX = "/department/x-ray/"
CSP = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "img-src 'self' data: blob:; style-src 'self'"
)
BLOCKS, PIXELS = 8, 32  # a film of 8 x 8 even blocks, read at the middle of each
STEPS = np.linspace(0, 4095, BLOCKS * BLOCKS).astype(np.int32).reshape(BLOCKS, BLOCKS)

# Shows each study in one page; sends back the grey at the middle of every block and what the pane's corners say.
PROBE = """<!doctype html><body><script>
const send = (body) => fetch("result", { method: "POST", body: JSON.stringify(body) });
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
(async () => {
  const frame = document.createElement("iframe");
  frame.width = 1000; frame.height = 700; frame.src = "ROOM?renderer=cpu#/study/" + NAMES[0];
  document.body.append(frame);
  for (const name of NAMES) {
    if (name !== NAMES[0]) frame.contentWindow.location.hash = "#/study/" + name;
    let pane = null;
    for (let tries = 0; tries < 600; tries++) {
      await pause(50);
      pane = frame.contentDocument?.querySelector(`[data-film="${name}"]`);
      if (pane && !pane.classList.contains("stage-loading") && pane.querySelector(".stage-tone").textContent) break;
    }
    await pause(200);
    const canvas = pane.querySelector("canvas"), side = Math.min(canvas.width, canvas.height);
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const middle = (full, at) => Math.round((full - side) / 2 + ((at + 0.5) * side) / BLOCKS);
    const grey = [...Array(BLOCKS).keys()].map((row) => [...Array(BLOCKS).keys()].map(
      (column) => data[4 * (middle(canvas.height, row) * canvas.width + middle(canvas.width, column))]));
    const said = (place) => pane.querySelector(".stage-" + place).textContent;
    const letters = ["left", "right", "top", "bottom"].map(said).join("");
    await send({ name, grey, letters, scale: said("scale"), marks: said("marks") });
  }
})().catch((error) => send({ error: String(error) }));
</script>"""


def lut(count: int, first: int, bits: int, curve: Callable[[Any], Any]) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [count, first, bits]
    item.LUTData = (curve(np.arange(count) / (count - 1)) * (2**bits - 1)).round().astype("<u2").tobytes()
    item["LUTData"].VR = "OW"
    return item


INVERSE = {"PhotometricInterpretation": "MONOCHROME1", "PresentationLUTShape": "INVERSE"}
HABITS: dict[str, dict[str, Any]] = {
    "linear": {"WindowCenter": "2000", "WindowWidth": "1500"},
    "eight_values": {"WindowCenter": "2000", "WindowWidth": "8"},
    "exact": {"WindowCenter": "2000", "WindowWidth": "1500", "VOILUTFunction": "LINEAR_EXACT"},
    "sigmoid": {"WindowCenter": "2000", "WindowWidth": "1500", "VOILUTFunction": "SIGMOID"},
    "monochrome1": {"WindowCenter": "1500", "WindowWidth": "2000", **INVERSE},
    "rescaled": {"WindowCenter": "300", "WindowWidth": "700", "RescaleSlope": "0.25", "RescaleIntercept": "-100"},
    "falling": {"WindowCenter": "-2000", "WindowWidth": "2500", "RescaleSlope": "-1", "RescaleIntercept": "0"},
    "voi_lut": {"VOILUTSequence": [lut(4096, 0, 12, np.square)]},
    "voi_lut_monochrome1": {"VOILUTSequence": [lut(2000, 1000, 14, np.sqrt)], **INVERSE},
    "modality_lut": {
        "ModalityLUTSequence": [lut(4096, 0, 16, lambda x: x**3)],
        "RescaleSlope": None, "RescaleIntercept": None, "WindowCenter": "20000", "WindowWidth": "40000",
    },
    "signed": {"PixelRepresentation": 1, "BitsStored": 16, "HighBit": 15, "WindowCenter": "0", "WindowWidth": "2000"},
    "no_window": {"WindowCenter": None, "WindowWidth": None},
    "overlay_bits": {},
    "padded": {"WindowCenter": None, "WindowWidth": None, "PixelPaddingValue": 4095},
    "deflated": {},
}  # fmt: skip


def write_film(path: Path, name: str) -> None:
    ds = pydicom.dcmread(STATIC / "example-film.dcm")
    steps = STEPS - 2048 if name == "signed" else STEPS
    if name == "overlay_bits":
        steps = STEPS | ((STEPS % 2) << 13)
    elif name == "padded":
        steps = np.where(STEPS > 4000, 4095, np.clip(STEPS, 500, 3000))
    pixels = np.kron(steps, np.ones((PIXELS, PIXELS), dtype=np.int32))
    ds.Rows, ds.Columns = pixels.shape
    ds.PixelData = pixels.astype("<i2" if name == "signed" else "<u2").tobytes()
    ds["PixelData"].VR = "OW"
    ds.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian if name == "deflated" else ExplicitVRLittleEndian
    for keyword, value in HABITS[name].items():
        if value is None:
            delattr(ds, keyword)
        elif keyword == "PixelPaddingValue":
            ds.add_new(keyword, "US", value)
        else:
            setattr(ds, keyword, value)
    ds.save_as(path, enforce_file_format=True)


def sheet(name: str) -> dict[str, Any]:
    side = BLOCKS * PIXELS
    film = {
        "id": name, "view": "PA", "rows": side, "columns": side, "dicom": f"api/{name}.dcm", "thumbnail": "",
        "spacing_mm": [1.0, 1.0], "spacing_plane": "detector", "magnification": None, "orientation": ["L", "F"],
        "inverted": False, "synthetic": True, "accepted": True, "reason": "", "window": None, "presets": [],
        "layers": [],
    }  # fmt: skip
    return {
        "id": name, "label": name, "patient": "", "time": "2000-01-01", "state": "read", "reason": "", "revision": 0,
        "caution": "", "synthetic": True, "made_by": None, "films": [film], "findings": [], "not_assessed": [],
        "report": {"status": "", "sentences": [], "sections": {}}, "prior": None, "timeline": [], "files": [],
        "edits": [],
    }  # fmt: skip


def answers(folder: Path) -> Callable[[str], tuple[bytes, str] | None]:
    session = {"user": "", "roles": [], "version": "", "caution": "", "readonly": True, "csrf": "", "start": ""}
    fixed: dict[str, Any] = {
        "api/session": session | {"features": {"worklist": True, "jobs": False}},
        "api/worklist": {"total": 0, "rows": []},
        "api/concepts": [],
    } | {f"api/studies/{name}": sheet(name) for name in HABITS}

    def answer(path: str) -> tuple[bytes, str] | None:
        if path == "probe.html":
            page = PROBE.replace("ROOM", "./").replace("NAMES", json.dumps(list(HABITS))).replace("BLOCKS", str(BLOCKS))
            return page.encode(), "text/html"
        if path in fixed:
            return json.dumps(fixed[path]).encode(), "application/json"
        file = folder / path if path.startswith("api/") else STATIC / "room" / (path or "index.html")
        kind = {".js": "text/javascript", ".wasm": "application/wasm"}.get(file.suffix) or mimetypes.guess_type(file)[0]
        return (file.read_bytes(), kind or "application/octet-stream") if file.is_file() else None

    return answer


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What the browser shows of every film: name -> its report."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed: the page's films cannot be looked at")
    folder = tmp_path_factory.mktemp("films")
    (folder / "api").mkdir()
    for name in HABITS:
        write_film(folder / "api" / f"{name}.dcm", name)
    results: Queue[dict[str, Any]] = Queue()
    answer = answers(folder)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            found = answer(path.removeprefix(PREFIX)) if path.startswith(PREFIX) else None
            body, kind = found or (b"", "text/plain")
            self.send_response(200 if found else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if not path.endswith("probe.html"):
                self.send_header("Content-Security-Policy", CSP)
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}{PREFIX}probe.html"
    flags = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--remote-debugging-port=0",
        f"--user-data-dir={folder}/profile",
    ]
    browser = subprocess.Popen([chromium, *flags, address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        reports = []
        while len(reports) < len(HABITS):
            reports.append(results.get(timeout=90))
            assert "error" not in reports[-1], reports[-1]["error"]
    except Empty:
        pytest.fail("the page did not show every film within 90 seconds each")
    finally:
        browser.terminate()
        browser.wait(timeout=20)
        server.shutdown()
        server.server_close()
    return {report["name"]: report | {"path": folder / "api" / f"{report['name']}.dcm"} for report in reports}


@pytest.mark.slow
@pytest.mark.parametrize("name", HABITS)
def test_page_shows_the_grey_that_the_toolkit_reads(shown, name):
    ours = read_image(shown[name]["path"]).display()[PIXELS // 2 :: PIXELS, PIXELS // 2 :: PIXELS] * 255
    assert ours.max() - ours.min() > 100  # the habit shows something
    assert np.abs(np.array(shown[name]["grey"]) - ours).max() < 1.0


@pytest.mark.slow
def test_corners_say_sides_plane_of_length_and_origin(shown):
    for report in shown.values():
        assert report["letters"] == "RLHF"
        assert report["scale"].endswith("mm at detector")
        assert report["marks"] == "SYNTHETIC"
