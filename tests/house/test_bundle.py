"""The reading room's page is kept built: these tests hold the built files to their sources."""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VIEWER = ROOT / "viewer"
ROOM = ROOT / "src" / "hilum" / "app" / "static" / "room"
REBUILD = "run `npm ci && npm run build` in viewer/ and commit src/hilum/app/static/room"
TOP = (
    "index.html",
    "package.json",
    "package-lock.json",
    "tsconfig.json",
    "vite.config.mjs",
    "build.mjs",
    "notices/native.txt",
)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    return {path.relative_to(folder).as_posix(): sha256(path) for path in found}


@pytest.fixture(scope="module")
def manifest() -> dict[str, dict[str, str]]:
    return json.loads((ROOM / "manifest.json").read_text())


def test_built_files_are_those_of_the_manifest(manifest):
    assert files(ROOM) == manifest["built"], REBUILD


def test_manifest_is_of_these_sources(manifest):
    now = {name: sha256(VIEWER / name) for name in TOP if (VIEWER / name).exists()}
    now |= {f"src/{name}": digest for name, digest in files(VIEWER / "src").items()}
    changed = sorted(
        name for name in now.keys() | manifest["sources"].keys() if now.get(name) != manifest["sources"].get(name)
    )
    assert not changed, f"built before {', '.join(changed)} changed: {REBUILD}"


def test_whole_page_is_at_most_three_megabytes_gzipped(manifest):
    assert sum(len(gzip.compress((ROOM / name).read_bytes(), mtime=0)) for name in manifest["built"]) <= 3_000_000


def test_page_asks_only_its_own_origin_by_relative_addresses():
    page = (ROOM / "index.html").read_text()
    addresses = re.findall(r"""(?:src|href)=["']([^"']*)""", page)
    assert any(address.endswith(".js") for address in addresses)
    for address in addresses:
        assert re.match(r"\./|data:|#", address), f"{address} is not relative to the page, so a proxy prefix breaks it"
        assert not address.startswith("./") or (ROOM / address).is_file()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son[a-z]+=", page), "inline script or style: CSP refuses it"


def test_bundle_carries_no_source_maps_and_no_large_file(manifest):
    for name in manifest["built"]:
        assert not name.endswith(".map")
        assert b"sourceMappingURL=" not in (ROOM / name).read_bytes(), name
        assert (ROOM / name).stat().st_size <= 4_000_000, name


def test_notices_name_every_package_the_page_depends_on():
    wanted = json.loads((VIEWER / "package.json").read_text())["dependencies"]
    notices = (ROOM / "THIRD-PARTY.txt").read_text()
    for name, version in wanted.items():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version), f"{name} is not pinned exactly"
        assert f"\n{name} {version} (" in notices, name
    for name in ("CharLS", "OpenJPEG", "libjpeg-turbo"):
        assert name in notices, f"the decoder {name} is in the bundle as WebAssembly"


def test_lockfile_holds_a_digest_for_every_package_and_no_foreign_address():
    packages = json.loads((VIEWER / "package-lock.json").read_text())["packages"]
    for name, entry in packages.items():
        if name and not entry.get("link"):
            assert entry["integrity"].startswith("sha512-"), name
            assert entry.get("resolved", "https://registry.npmjs.org/").startswith("https://registry.npmjs.org/"), name


def test_pure_functions_of_the_viewer_pass_their_own_tests():
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: the viewer's own tests need it")
    run = subprocess.run(
        [node, "--test", "test/"], cwd=VIEWER, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    assert int(re.search(r"^# pass (\d+)", run.stdout, re.M)[1]) >= 30


@pytest.mark.slow
def test_a_rebuild_gives_the_same_bytes(tmp_path):
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("npm is not installed: the page cannot be rebuilt here")
    copy = tmp_path / "elsewhere" / "viewer"
    shutil.copytree(VIEWER, copy, ignore=shutil.ignore_patterns("node_modules"))
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        got = subprocess.run(install, cwd=copy, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("npm could not fetch the viewer's packages within two minutes")
    if got.returncode != 0:
        pytest.skip(f"npm could not fetch the viewer's packages: {got.stderr.strip()[-200:]}")
    types = subprocess.run([npm, "run", "check"], cwd=copy, capture_output=True, text=True, timeout=120, check=False)
    assert types.returncode == 0, types.stdout[-4000:]
    built = subprocess.run(
        [node, "build.mjs", str(tmp_path / "room")], cwd=copy, capture_output=True, text=True, timeout=120, check=False
    )
    assert built.returncode == 0, built.stderr[-4000:]
    assert files(tmp_path / "room") == files(ROOM), REBUILD
    assert (tmp_path / "room" / "manifest.json").read_bytes() == (ROOM / "manifest.json").read_bytes()
