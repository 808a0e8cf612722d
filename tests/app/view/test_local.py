"""The shelf of one machine: order, search, saving, the course of a patient, and studies that are still being made."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread

import pytest

from hilum.app.view.case import Case
from hilum.app.view.events import Bell
from hilum.app.view.folder import from_results, is_results, is_study
from hilum.app.view.local import Entry, LocalShelf
from hilum.app.view.source import Moved, ReadOnly, Shelf
from hilum.core.errors import InputError, MissingError
from hilum.core.study import Study
from tests.app.view.conftest import FILM, NOW, film, found, stored, study_of, usual

REJECT = [{"do": "reject", "key": "f-effusion"}]


def entry(folder: Path, study: Study, prior: str = "") -> Entry:
    load: Callable[[], Case] = lambda: Case(study, state="read")  # noqa: E731
    return Entry(study.id, load, folder / study.id, prior=prior, time=study.time)


@pytest.fixture
def three(tmp_path: Path) -> LocalShelf:
    """Three studies of one patient, whose order in the list is not that of their ids."""
    times = {"s1": 9, "s0": 5, "s2": 1}
    prior, entries = "", []
    for name, days in times.items():
        study = study_of(found(id="f"), id=name, time=NOW - timedelta(days=days), films=(film(f"2.25.{days}"),))
        entries.append(entry(tmp_path, study, prior))
        prior = name
    return LocalShelf(reversed(entries))


def test_it_is_a_shelf(shelf: LocalShelf) -> None:
    taken: Shelf = shelf
    assert taken.features()["jobs"] is False


def test_the_list_runs_from_the_newest(three: LocalShelf) -> None:
    assert [row["id"] for row in three.worklist()["rows"]] == ["s2", "s0", "s1"]
    assert [row["id"] for row in three.worklist(limit=1, offset=1)["rows"]] == ["s0"]
    assert three.worklist(text="2026-02")["total"] == 3
    assert three.worklist(text="pleural s0")["total"] == 1


def test_the_course_goes_by_priors_and_not_by_names(three: LocalShelf) -> None:
    sheet = three.sheet("s0")
    assert [each["id"] for each in sheet["timeline"]] == ["s1", "s0", "s2"]
    assert sheet["prior"]["id"] == "s1"
    assert three.sheet("s1")["prior"] is None


def test_a_prior_lets_a_change_be_told(three: LocalShelf) -> None:
    worse = [{"do": "set", "key": "f", "change": "worsened"}]
    assert three.draft("s0", worse)["findings"][0]["change"] == "worsened"
    with pytest.raises(InputError, match="has none"):
        three.draft("s1", worse)


def test_a_circle_of_priors_ends(tmp_path: Path) -> None:
    one, two = study_of(id="a"), study_of(id="b")
    shelf = LocalShelf([entry(tmp_path, one, "b"), entry(tmp_path, two, "")])
    assert len(shelf.sheet("a")["timeline"]) == 2
    assert shelf.worklist()["total"] == 2


def test_a_saved_study_is_found_by_the_next_shelf(tmp_path: Path) -> None:
    first = LocalShelf([entry(tmp_path, replace(usual(), time=NOW))])
    first.save("s1", REJECT, revision=0, final=False, editor="Dr. R")
    second = LocalShelf([entry(tmp_path, replace(usual(), time=NOW))])
    sheet = second.sheet("s1")
    assert (sheet["revision"], sheet["state"], sheet["edits"][0]["who"]) == (1, "edited", "Dr. R")
    assert sheet["time"].startswith("2026-03-01T12:30")  # known here, though never written
    record = json.loads((tmp_path / "s1" / "study.json").read_text())
    assert "time" not in record
    assert "patient" not in record


def test_a_reading_of_other_films_under_the_same_name_is_not_mixed_in(tmp_path: Path) -> None:
    LocalShelf([entry(tmp_path, usual())]).save("s1", REJECT, revision=0, final=False, editor="Dr. R")
    other = study_of(id="s1", films=(film("2.25.77"),))
    assert LocalShelf([entry(tmp_path, other)]).sheet("s1")["revision"] == 0


def test_two_who_save_at_once_do_not_both_win(tmp_path: Path) -> None:
    shelf = LocalShelf([entry(tmp_path, usual())])
    outcomes: list[str] = []

    def save(name: str) -> None:
        try:
            shelf.save("s1", REJECT, revision=0, final=False, editor=name)
            outcomes.append("saved")
        except Moved:
            outcomes.append("moved")

    threads = [Thread(target=save, args=(f"Dr. {n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["moved"] * 5 + ["saved"]
    assert shelf.sheet("s1")["revision"] == 1


def test_a_change_on_disk_is_seen(results: Path) -> None:
    one, two = (LocalShelf(from_results(results)) for _ in range(2))
    assert one.sheet("s1")["revision"] == 0
    two.save("s1", REJECT, revision=0, final=True, editor="Dr. R")
    assert one.sheet("s1")["revision"] == 1
    assert one.worklist()["rows"][0]["state"] == "final"
    with pytest.raises(Moved, match="you saw revision 0"):
        one.save("s1", [], revision=0, final=False, editor="x")


def test_a_shelf_to_look_at_saves_nothing(results: Path) -> None:
    shelf = LocalShelf(from_results(results), readonly=True)
    with pytest.raises(ReadOnly, match="--readonly"):
        shelf.save("s1", [], revision=0, final=False, editor="x")


def test_a_study_in_the_making_can_be_looked_at_and_not_edited(tmp_path: Path) -> None:
    shelf = LocalShelf(
        [Entry("v1", None, tmp_path / "v1", state="waiting", reason="being drawn"), entry(tmp_path, usual())]
    )
    assert shelf.sheet("v1")["state"] == "waiting"
    assert shelf.sheet("v1")["films"] == []
    assert shelf.start() == ""
    with pytest.raises(Moved, match="still being read"):
        shelf.draft("v1", [])
    shelf.tell("v1", load=lambda: Case(replace(usual(), id="v1"), state="read"), state="", reason="")
    assert shelf.sheet("v1")["state"] == "read"
    assert shelf.draft("v1", REJECT)["state"] == "edited"


def test_the_named_study_is_opened_first_once_it_is_there_and_till_then_another(tmp_path: Path) -> None:
    waiting = Entry("v1", None, tmp_path / "v1", state="waiting")
    shelf = LocalShelf([waiting, entry(tmp_path, usual())], start="v1")
    assert shelf.start() == "s1"
    shelf.tell("v1", load=lambda: Case(replace(usual(), id="v1"), state="read"), state="")
    assert shelf.start() == "v1"


def test_one_damaged_record_does_not_hide_the_others(results: Path) -> None:
    stored(results, study_of(id="s2"))
    (results / "s2" / "study.json").write_text('{"files": [{}], "id": "s2"}')
    rows = {row["id"]: row for row in LocalShelf(from_results(results)).worklist()["rows"]}
    assert rows["s1"]["state"] == "read"
    assert rows["s2"]["state"] == "failed"
    assert "damaged" in rows["s2"]["reason"]


def test_results_are_told_from_other_folders(results: Path, tmp_path: Path) -> None:
    assert is_results(results)
    assert not is_study(results)
    assert is_study(results / "s1")
    (tmp_path / "empty").mkdir()
    assert not is_results(tmp_path / "empty")
    with pytest.raises(InputError, match="hilum read"):
        from_results(tmp_path / "empty")


def test_priors_of_results_are_found_by_their_records(tmp_path: Path) -> None:
    first = study_of(found(id="f"), id="b-first", films=(film("2.25.1"),))
    stored(tmp_path, first)
    stored(tmp_path, study_of(found(id="f"), id="a-second", prior=first, films=(film("2.25.2"),)))
    sheet = LocalShelf(from_results(tmp_path)).sheet("a-second")
    assert sheet["prior"]["id"] == "b-first"
    assert [each["id"] for each in sheet["timeline"]] == ["b-first", "a-second"]


def test_films_that_were_not_kept_are_missing(tmp_path: Path) -> None:
    stored(tmp_path, usual(), formats=("sr",))
    shelf = LocalShelf(from_results(tmp_path))
    assert shelf.sheet("s1")["findings"]
    with pytest.raises(MissingError, match="not kept"):
        shelf.dicom("s1", FILM)


def test_memory_does_not_grow_with_what_was_looked_at(results: Path) -> None:
    for number in range(12):
        stored(results, study_of(id=f"t{number}"))
    shelf = LocalShelf(from_results(results))
    for key in shelf.ids():
        assert shelf.thumbnail(key, FILM)
    assert len(shelf._cases) <= 6
    assert not any(image.loaded for _, case in shelf._cases.values() for image in case.study.films)


def test_news_reaches_everyone_who_listens_and_ends_with_the_shelf(tmp_path: Path) -> None:
    bell = Bell()
    shelf = LocalShelf([entry(tmp_path, usual())], bell=bell)

    async def listen() -> list[object]:
        return [news async for news in bell.listen() if news]

    async def both() -> list[list[object]]:
        tasks = [asyncio.create_task(listen()) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.to_thread(shelf.save, "s1", REJECT, revision=0, final=True, editor="x")
        await asyncio.to_thread(shelf.close)
        return list(await asyncio.gather(*tasks))

    told = {"study": "s1", "state": "final", "progress": None, "reason": ""}
    assert asyncio.run(both()) == [[told], [told]]


def test_a_listener_who_is_too_slow_loses_the_oldest_news(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hilum.app.view.events._MOST", 3)
    bell = Bell()

    async def late() -> list[object]:
        stream = bell.listen()
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        for number in range(6):
            bell.ring(str(number), "read")
        await asyncio.sleep(0.01)
        return [(await first)["study"], *[(await anext(stream))["study"] for _ in range(2)]]

    assert asyncio.run(late()) == ["3", "4", "5"]
