"""Published readers in their own process: the contract both ways, what goes wrong said in words, and the gate."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from hilum.core.errors import HilumError, InputError, MissingError, RefusedError
from hilum.core.image import Image
from hilum.core.seed import generator
from hilum.learn.outside.asking import Asking
from hilum.learn.outside.gate import gate, gate_films
from hilum.learn.outside.process import Process
from hilum.learn.outside.published import NOT_TRIED, PUBLISHED, Published, fits, published

FAKE = Path(__file__).with_name("fake_reader.py")
ROW = Published("fake", "nobody/fake", "made", ("", ""), (), tasks=("findings", "answer", "phrase_to_box"),
                roles=("cur_front", "prior_front"), sections=("indication",))  # fmt: skip


def film(seed: int = 0, shape: tuple[int, int] = (40, 30), view: str = "PA") -> Image:
    return Image(generator(seed, "film").random(shape), view=view, id=f"film-{seed}")  # type: ignore[arg-type]


ASKING = Asking("findings", (("cur_front", film()),))


@contextmanager
def reader(folder: Path, mode: str, row: Published = ROW, *, kind: str = "", **options: object) -> Iterator[Process]:
    (folder / "mode").write_text(mode)
    (folder / "kind").write_text(kind)
    given = {"load_s": 30.0, "answer_s": 20.0, **options}
    process = Process(row, weights=str(folder), python=sys.executable, worker=FAKE, **given)  # type: ignore[arg-type]
    try:
        with process:
            yield process
    finally:
        process.close()


def seen(folder: Path) -> dict:
    return json.loads((folder / "seen.json").read_text())


def test_a_request_reaches_the_reader_as_the_contract_has_it_and_is_signed(tmp_path: Path) -> None:
    asking = Asking("answer", (("prior_front", film(1)), ("cur_lat", film(2, view="LL")), ("cur_front", film())),
                    {"indication": "cough", "technique": "PA"}, "Is there an effusion?")  # fmt: skip
    with reader(tmp_path, "honest") as asked:
        said = asked(asking)
        told = seen(tmp_path)
        assert [image["role"] for image in told["images"]] == ["cur_front", "prior_front"]  # in the reader's order
        assert told["sections"] == {"indication": "cough"}  # what it does not take is left out
        assert (told["task"], told["question"]) == ("answer", "Is there an effusion?")
        assert told["images"][0] == {"role": "cur_front", "file": "0-0.png", "rows": 40, "columns": 30, "view": "PA"}
        assert not any(Path(file).exists() for file in told["files"])  # films are gone with the answer
        private = Path(told["files"][0]).parent
        assert private.stat().st_mode & 0o077 == 0
    assert not private.exists()
    assert f"Mean {np.rint(film().display() * 255).mean():.1f}" in said.text
    assert said.made_by.name == "outside:fake"
    assert NOT_TRIED in said.made_by.version


def test_two_requests_are_answered_by_one_process(tmp_path: Path) -> None:
    with reader(tmp_path, "honest") as asked:
        first, second = asked(ASKING), asked(Asking("findings", (("cur_front", film(5)),)))
        assert first.text != second.text
        assert seen(tmp_path)["id"] == 1


def test_boxes_are_cut_to_the_film_and_what_is_none_is_told(tmp_path: Path) -> None:
    asking = Asking("phrase_to_box", (("cur_front", film()),), question="effusion")
    with reader(tmp_path, "boxes") as asked:
        for _ in range(5):
            said = asked(asking)
    assert [box.corners for box in said.boxes] == [(0, 2, 30, 6)]
    assert said.boxes[0].image == "film-0"
    assert "(3" not in said.text
    assert said.problem.count("no box on a film of 30 x 40") == 2


@pytest.mark.parametrize("mode, error, words", [
    ("error", HilumError, "could not answer: ValueError: the film is too dark"),
    ("no text", InputError, "without a text"),
    ("crash", HilumError, r"died while answering request 4 \(code 9\): segmentation of the mind"),
    ("slow", HilumError, "took more than 1 s answering request 4 and was stopped"),
])  # fmt: skip
def test_what_goes_wrong_is_said_and_the_next_request_goes_well(
    tmp_path: Path, mode: str, error: type[Exception], words: str
) -> None:
    with reader(tmp_path, mode, answer_s=1.0 if mode == "slow" else 20.0) as asked:
        for _ in range(4):
            asked(ASKING)
        with pytest.raises(error, match=words):
            asked(ASKING)
        (tmp_path / "mode").write_text("honest")  # where it died, it is started again
        if mode in ("crash", "slow"):
            assert asked(ASKING).text


@pytest.mark.parametrize("kind, words", [
    ("json", "something else than JSON"), ("turn", "out of turn"), ("contract", "out of turn"),
])  # fmt: skip
def test_garbage_is_named(tmp_path: Path, kind: str, words: str) -> None:
    row = Published("fake", "nobody/fake", "garbage", ("", ""), ())
    with reader(tmp_path, "honest", row, kind=kind) as asked:
        for _ in range(4):
            asked(ASKING)
        with pytest.raises(InputError, match=words):
            asked(ASKING)


def test_a_reader_that_does_not_say_what_it_loaded_is_refused(tmp_path: Path) -> None:
    row = Published("fake", "nobody/fake", "garbage", ("", ""), ())
    with pytest.raises(InputError, match="did not say what it loaded"), reader(tmp_path, "x", row, kind="ready"):
        pass


@pytest.mark.parametrize("mode, error, words", [
    ("no weights", HilumError, "died while loading its weights .* there is no config.json"),
    ("lacks", MissingError, "lacks a package: .*nothing_by_this_name"),
])  # fmt: skip
def test_a_reader_that_cannot_load_is_named(tmp_path: Path, mode: str, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words), reader(tmp_path, mode):
        pass


def test_code_of_others_runs_only_for_whom_the_user_named(tmp_path: Path) -> None:
    row = Published("fake", "nobody/fake", "trusting", ("", ""), (), remote=True)
    with pytest.raises(RefusedError, match="say so by name with #trust=fake"), reader(tmp_path, "honest", row):
        pass
    with pytest.raises(RefusedError, match="#trust=fake"), reader(tmp_path, "honest", row, trust=("other",)):
        pass
    with reader(tmp_path, "honest", row, trust=("fake",)) as asked:
        assert asked(ASKING).text.startswith("trust True")
    native = Published("fake", "nobody/fake", "trusting", ("", ""), ())
    with reader(tmp_path, "honest", native, trust=("fake",)) as asked:  # nothing to trust: nothing is allowed
        assert asked(ASKING).text.startswith("trust False")


def test_another_release_of_the_library_is_refused(tmp_path: Path) -> None:
    row = Published("fake", "nobody/fake", "made", ("2.0", "2.1"), ())
    with (
        pytest.raises(RefusedError, match=r"written for transformers from 2.0 and before 2.1"),
        reader(tmp_path, "x", row),
    ):
        pass


def test_keys_and_tokens_are_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_CHAT_KEY", "secret")
    monkeypatch.setenv("HF_TOKEN", "secret")
    script = tmp_path / "tell.py"
    script.write_text(
        "import json, os, pathlib, sys\n"
        "told = {'contract': 1, 'versions': {'transformers': ' '.join(sorted(os.environ))}}\n"
        "pathlib.Path(sys.argv[1], 'ready.json').write_text(json.dumps(told))\nsys.stdin.read()\n"
    )
    with Process(ROW, weights=str(tmp_path), python=sys.executable, worker=script) as asked:
        names = asked.made_by.version.split()
    assert "PATH" in names
    assert "HF_HUB_OFFLINE" in names
    assert not {"HILUM_CHAT_KEY", "HF_TOKEN", "PYTHONPATH"} & set(names)


def test_what_is_missing_is_said_with_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    monkeypatch.setenv("HILUM_CACHE", str(tmp_path / "cache"))
    with pytest.raises(MissingError, match=r"HILUM_WEIGHTS is not set.*hilum get radvlm"):
        Process(published("radvlm")).start()
    with pytest.raises(MissingError, match="hilum get radvlm --create"):
        Process(published("radvlm"), weights=str(tmp_path)).start()
    with pytest.raises(MissingError, match="no such program"):
        Process(published("radvlm"), weights=str(tmp_path), python="no-python").start()
    with pytest.raises(MissingError, match="there is no adapter for 'icon'"):
        Process(published("icon")).start()
    with pytest.raises(HilumError, match="is not running"):
        Process(ROW)(ASKING)


def test_a_task_or_film_that_a_reader_does_not_take_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    with reader(tmp_path, "honest") as asked:
        with pytest.raises(InputError, match="does not do 'impression'"):
            asked(Asking("impression", ASKING.films))
        with pytest.raises(InputError, match="takes films as cur_front, prior_front, the request has cur_lat"):
            asked(Asking("findings", (("cur_lat", film(view="LL")),)))


def test_the_gate_opens_for_a_reader_that_looks(tmp_path: Path) -> None:
    with reader(tmp_path, "honest") as asked:
        looked = gate(asked)
    assert len({looked.normal, looked.diseased, looked.blank}) == 3
    assert looked.note == ""


@pytest.mark.parametrize("mode, words", [
    ("blind", "answers a blank picture as it answers every film .*does not look"),
    ("sampling", "answers the same film in two ways"),
])  # fmt: skip
def test_the_gate_is_shut_for_one_that_does_not(tmp_path: Path, mode: str, words: str) -> None:
    with reader(tmp_path, mode) as asked, pytest.raises(RefusedError, match=words):
        gate(asked)


def test_the_gate_says_when_a_reader_tells_no_two_films_apart(tmp_path: Path) -> None:
    with reader(tmp_path, "constant but for blank") as asked:
        assert "same answer to a normal film and to one with large findings" in gate(asked).note


def test_gate_films_differ_where_disease_was_drawn() -> None:
    normal, diseased, blank = gate_films(64)
    assert np.abs(normal.pixels - diseased.pixels).max() > 0.1
    assert blank.pixels.std() == 0
    assert all(each.synthetic for each in (normal, diseased, blank))


def test_the_table_is_whole_and_says_that_none_was_tried() -> None:
    from hilum.learn.outside import worker

    assert set(PUBLISHED) >= {"cxr-llava", "chexagent-2", "chexagent-8b", "radvlm", "maira-2", "libra"}
    for row in PUBLISHED.values():
        assert row.tried == "not run against real weights"
        assert bool(row.loader) != bool(row.without)
        assert not row.loader or row.loader in worker.LOADERS
        assert row.requirements or row.without
    assert {row.name for row in PUBLISHED.values() if row.loader and not row.remote} == {"radvlm"}


@pytest.mark.parametrize("name, version, expected", [
    ("maira-2", "4.46.0", True), ("maira-2", "4.51.3", True), ("maira-2", "4.52.0", False),
    ("maira-2", "5.23.0", False),
    ("maira-2", "4.9.9", False), ("maira-2", "none", False), ("libra", "none", True), ("radvlm", "5.0.0rc1", True),
])  # fmt: skip
def test_releases_are_compared_as_numbers(name: str, version: str, expected: bool) -> None:
    assert fits(published(name), version) is expected


def test_an_unknown_reader_is_named() -> None:
    with pytest.raises(InputError, match="there are cxr-llava"):
        published("gpt-9")
