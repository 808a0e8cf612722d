"""Settings: every key known, every type held, files and single values laid over each other."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from hilum.app.serve.settings import PeerSettings, Settings, load, parsed
from hilum.core.errors import InputError

DOCS = Path(__file__).parents[3] / "docs" / "serving.md"


def _keys(kind: Any, where: str = "") -> list[str]:
    hints = get_type_hints(kind)
    found: list[str] = []
    for each in fields(kind):
        inner = hints[each.name]
        found += _keys(inner, f"{where}{each.name}.") if is_dataclass(inner) else [f"{where}{each.name}"]
    return found


def test_a_file_and_flags(tmp_path: Path) -> None:
    path = tmp_path / "hilum.toml"
    path.write_text(
        'root = "/data"\n[http]\nport = 9000\nprefix = "hilum/"\ntrusted_proxies = "10.0.0.1"\n'
        '[work]\nsettle_seconds = 5\n[[peers]]\nname = "pacs"\nae_title = "PACS"\nhost = "10.0.0.2"\nport = 104\n',
        encoding="utf-8",
    )
    settings = load(path, {"http.port": 0, "work.workers": 3})
    assert (settings.root, settings.http.port, settings.work.workers) == ("/data", 0, 3)
    assert settings.http.prefix == "/hilum"
    assert settings.http.trusted_proxies == ("10.0.0.1",)
    assert settings.work.settle_seconds == 5.0
    assert settings.peers == (PeerSettings("pacs", "PACS", "10.0.0.2", 104),)
    assert settings.index_url == "sqlite:////data/index.db"


@pytest.mark.parametrize(
    "told, words",
    [
        ({"http.prot": 1}, "did you mean 'port'"),
        ({"nothing": 1}, "there is no 'nothing'"),
        ({"http.port": "x"}, "'http.port' must be a whole number"),
        ({"http.port": True}, "'http.port' must be a whole number"),
        ({"http.plain": "yes"}, "'http.plain' must be true or false"),
        ({"http.port": -1}, "must not be negative"),
        ({"http": 4}, "'http' must be a table"),
        ({"dicom.calling": 4}, "'dicom.calling' must be a list"),
        ({"peers": [{"nam": "x"}]}, "there is no 'peers[0].nam'"),
    ],
)
def test_mistakes_are_named(told: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        load(None, told)
    assert words in str(caught.value)


def test_a_file_that_is_no_toml(tmp_path: Path) -> None:
    path = tmp_path / "hilum.toml"
    path.write_text("[http", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read as TOML"):
        load(path)
    with pytest.raises(InputError, match="cannot be read as TOML"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    "text, pair",
    [
        ("http.port=8081", ("http.port", 8081)),
        ("root=/srv/hilum", ("root", "/srv/hilum")),
        ('dicom.calling=["A", "B"]', ("dicom.calling", ["A", "B"])),
        ("http.plain=true", ("http.plain", True)),
    ],
)
def test_one_value_of_the_command_line(text: str, pair: tuple[str, Any]) -> None:
    assert parsed(text) == pair


def test_a_value_without_a_key() -> None:
    with pytest.raises(InputError, match="key=value"):
        parsed("http.port")


def test_every_key_is_documented() -> None:
    told = DOCS.read_text(encoding="utf-8")
    missing = [key for key in (*_keys(Settings), *_keys(PeerSettings, "peers.")) if f"`{key}`" not in told]
    assert not missing
