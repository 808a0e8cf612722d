"""The two schemes of outside models: what opening one does, what it is called, and that a process starts late."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import InputError, MissingError, RefusedError
from hilum.core.image import Image
from hilum.core.registry import get, locate
from hilum.core.study import Study
from hilum.learn.outside.endpoint import SETTINGS, endpoint_at, settings_of
from hilum.learn.outside.published import PUBLISHED
from hilum.learn.outside.reader import ADDS, NEEDS
from hilum.systems import outside

FILM = Image(np.eye(8), view="PA", id="film")  # type: ignore[arg-type]
STUDY = Study("s", "p", images=(FILM,))


@pytest.mark.parametrize("name", ["chat", "outside"])
def test_both_are_listed_and_say_what_they_need(name: str) -> None:
    entry = locate("model", name)
    assert (tuple(entry.facts["needs"]), tuple(entry.facts["adds"])) == (NEEDS, ADDS)
    assert "not run against real weights" in entry.summary or "off unless named" in entry.summary
    with pytest.raises(InputError, match="needs an address"):
        get("model", name)()(STUDY)


def test_opening_an_endpoint_names_it_without_its_secrets() -> None:
    opened = outside.ChatModel.at("https://example.org/v1?key=abc#m#requests=3")
    assert opened.name == "chat:https://example.org/v1#m"
    assert "abc" not in opened.name + opened.mark
    assert opened.looked is None  # the gate has not been asked


@pytest.mark.parametrize("name", [row.name for row in PUBLISHED.values() if row.remote])
def test_code_of_others_does_not_start_without_its_name(name: str, tmp_path: Path) -> None:
    for place in (name, f"{name}#trust=another"):
        with pytest.raises(RefusedError, match=f"#trust={name}"):
            outside.OutsideModel.at(f"{place}#weights={tmp_path}#python={sys.executable}")(STUDY)


@pytest.mark.parametrize("name", [row.name for row in PUBLISHED.values() if row.without])
def test_rows_without_an_adapter_say_why(name: str) -> None:
    with pytest.raises(MissingError, match="there is no adapter"):
        outside.OutsideModel.at(name)(STUDY)


def test_settings_reach_the_process(tmp_path: Path) -> None:
    opened = outside.OutsideModel.at(f"radvlm#weights={tmp_path}#python=here#load=5#answer=2.5")
    process = opened.backend
    assert (process.weights, process.python, process.load_s, process.answer_s) == (str(tmp_path), "here", 5.0, 2.5)  # type: ignore[attr-defined]
    assert process.trust == ()  # type: ignore[attr-defined]
    assert opened.name == "outside:radvlm"


@pytest.mark.parametrize("place, words", [
    ("radvlm#colour=red", "is no setting"), ("radvlm#weights", "is no setting"), ("radvlm#load=0", "seconds above 0"),
    ("radvlm#answer=-3", "seconds above 0"), ("radvlm#load=soon", "seconds above 0"), ("", "no published reader"),
    ("radvlm#load=nan", "seconds above 0"),
])  # fmt: skip
def test_wrong_settings_are_named(place: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        outside.OutsideModel.at(place)


def test_another_revision_is_another_model() -> None:
    marks = {outside.OutsideModel.at(name).mark for name in PUBLISHED}
    assert len(marks) == len(PUBLISHED)


@pytest.mark.parametrize("place, first, given", [
    ("a", "a", {}), ("a#x=1", "a", {"x": "1"}), ("a#x=1#y=b=c", "a", {"x": "1", "y": "b=c"}),
    ("#x=1", "", {"x": "1"}),
])  # fmt: skip
def test_settings_are_split(place: str, first: str, given: dict[str, str]) -> None:
    assert settings_of(place, ("x", "y")) == (first, given)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_is_read(name: str, tmp_path: Path) -> None:
    value = str(tmp_path) if name == "cache" else "64"
    made = endpoint_at(f"http://127.0.0.1:1/v1#m#{name}={value}")
    plain = endpoint_at("http://127.0.0.1:1/v1#m")
    told = [(each.chat.budget.requests, each.chat.budget.tokens, each.longest, each.chat.max_tokens, each.chat.cache,
             each.chat.timeout_s) for each in (made, plain)]  # fmt: skip
    assert sum(one != other for one, other in zip(*told, strict=True)) == 1
