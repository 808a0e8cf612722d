"""The gate and the reader behind it, with readers in this process: who passes, who does not, and what is added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import pytest

from hilum.core.errors import HilumError, InputError, RefusedError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.report import Question, Report
from hilum.core.study import Study
from hilum.learn.outside.asking import Asking, Said
from hilum.learn.outside.gate import gate, gate_films
from hilum.learn.outside.reader import OutsideReader, answered, asked, films_of, sections_of
from hilum.measure.asking import added, check_fits, load_model
from hilum.measure.task import Task


@dataclass
class Fake:
    """A backend of one function, which notes what it is asked."""

    says: Callable[[Asking], str]
    name: str = "fake"
    asked: list[Asking] = field(default_factory=list)

    def __call__(self, asking: Asking) -> Said:
        self.asked.append(asking)
        return Said(self.says(asking), (), MadeBy("fake", "1", "abc"))


def mean(asking: Asking) -> float:
    return round(float(asking.films[0][1].display().mean()), 6)


def film(view: str = "PA", level: float = 0.5, name: str = "film") -> Image:
    pixels = np.full((8, 6), level)
    pixels[0, 0] = 0.0
    return Image(pixels, view=view, id=f"{name}-{view}-{level}")  # type: ignore[arg-type]


def looking() -> Fake:
    return Fake(lambda asking: f"There is a left pleural effusion. Level {mean(asking)}.")


def test_a_reader_that_looks_passes_with_four_requests() -> None:
    backend = looking()
    looked = gate(backend)
    assert len(backend.asked) == 4
    assert len({looked.normal, looked.diseased, looked.blank}) == 3
    assert looked.note == ""
    assert {each.task for each in backend.asked} == {"findings"}


@pytest.mark.parametrize("says, words", [
    (lambda asking: "The lungs are clear.", "answers a blank picture as it answers every film"),
    (lambda asking: "  THE LUNGS are clear ", "every film"),
    (lambda asking: "Effusion." if mean(asking) > 0.55 else "Clear.", "as it answers"),
    (lambda asking: "", "every film"),
])  # fmt: skip
def test_one_that_says_the_same_of_nothing_is_refused(says: Callable[[Asking], str], words: str) -> None:
    normal, _, _ = gate_films()
    if "Effusion" in says(Asking("findings", (("cur_front", normal),))):
        pytest.skip("both films are as bright as that")
    with pytest.raises(RefusedError, match=words):
        gate(Fake(says))


def test_letters_case_and_stops_are_no_difference() -> None:
    numbers = count()
    texts = ["The lungs are clear.", "the  lungs are CLEAR", "The lungs are clear", "The lungs are clear."]
    with pytest.raises(RefusedError, match="every film"):
        gate(Fake(lambda asking: texts[next(numbers) % 4]))


def test_one_that_samples_cannot_be_told_from_one_that_does_not_look() -> None:
    numbers = count()
    with pytest.raises(RefusedError, match=r"answers the same film in two ways .*temperature 0"):
        gate(Fake(lambda asking: f"Draw {next(numbers)}."))


def test_one_that_tells_no_two_films_apart_goes_on_with_a_note() -> None:
    looked = gate(Fake(lambda asking: "Clear." if asking.films[0][1].display().std() else "No picture."))
    assert "same answer to a normal film and to one with large findings" in looked.note


def test_errors_of_a_reader_pass_through_the_gate() -> None:
    def fails(asking: Asking) -> str:
        raise HilumError("out of memory")

    with pytest.raises(HilumError, match="out of memory"):
        gate(Fake(fails))


def test_gate_films_are_the_same_each_time_and_square() -> None:
    assert gate_films() is gate_films()
    assert {each.pixels.shape for each in gate_films(64)} == {(64, 64)}
    assert {each.view for each in gate_films()} == {"PA"}


def test_a_study_is_read_and_only_added_to() -> None:
    backend = looking()
    given = Study("s", "p", images=(film(),))
    read = OutsideReader("fake", backend)(given)
    assert read.report is not None
    assert read.report.findings.startswith("There is a left pleural effusion.")
    assert read.report.status == "draft"
    assert [(each.concept, each.state) for each in read.findings] == [("pleural effusion", "present")]
    assert all(each.made_by == MadeBy("fake", "1", "abc") for each in read.findings)
    assert read.provenance[-1].notes == ("outside model: its answers are not Hilum's",)
    assert read.images == given.images
    new = added(given, read, given)
    assert new.report == read.report


def test_what_is_there_stays_as_it_is() -> None:
    report, finding = Report(findings="Mine."), Finding("cardiomegaly", made_by=MadeBy("me"))
    backend = looking()
    reader = OutsideReader("fake", backend)
    with_report = reader(Study("s", "p", images=(film(),), report=report))
    assert with_report.report is report
    assert len(backend.asked) == 4  # the gate alone: there was nothing to write
    with_finding = reader(Study("s", "p", images=(film(),), findings=(finding,)))
    assert with_finding.findings == (finding,)
    assert with_finding.report is not None


def test_the_note_of_the_gate_is_on_every_study() -> None:
    backend = Fake(lambda asking: "Clear." if asking.films[0][1].display().std() else "No picture.")
    reader = OutsideReader("fake", backend)
    for number in range(2):
        read = reader(Study(f"s{number}", "p", images=(film(),)))
        assert "same answer to a normal film" in read.provenance[-1].notes[0]
    assert len(backend.asked) == 6


def test_a_refusal_is_remembered_and_the_gate_asked_once() -> None:
    backend = Fake(lambda asking: "Clear.")
    reader = OutsideReader("fake", backend)
    for _ in range(3):
        with pytest.raises(RefusedError, match="does not look"):
            reader(Study("s", "p", images=(film(),)))
    assert len(backend.asked) == 4


def test_a_failure_to_start_is_not_remembered() -> None:
    started = count()

    def ready() -> Fake:
        if next(started) == 0:
            raise HilumError("it did not start")
        return looking()

    reader = OutsideReader("fake", looking(), ready=ready)
    with pytest.raises(HilumError, match="did not start"):
        reader(Study("s", "p", images=(film(),)))
    assert reader(Study("s", "p", images=(film(),))).report is not None


@pytest.mark.parametrize("views, prior, roles", [
    (("PA",), (), ["cur_front"]), (("AP", "PA"), (), ["cur_front"]), (("LL", "PA"), (), ["cur_front", "cur_lat"]),
    (("unknown",), (), ["cur_front"]), (("unknown", "PA"), (), ["cur_front"]),
    (("PA", "RL", "LL"), (), ["cur_front", "cur_lat"]), (("PA",), ("AP",), ["cur_front", "prior_front"]),
    (("PA",), ("LL",), ["cur_front"]), (("PA", "LL"), ("LL", "PA"), ["cur_front", "cur_lat", "prior_front"]),
])  # fmt: skip
def test_films_get_their_roles(views: tuple[str, ...], prior: tuple[str, ...], roles: list[str]) -> None:
    before = Study("s0", "p", images=tuple(film(view, 0.3, "prior") for view in prior)) if prior else None
    found = films_of(Study("s1", "p", images=tuple(film(view) for view in views), prior=before))
    assert [role for role, _ in found] == roles
    if "PA" in views:
        assert found[0][1].view in ("PA", "AP")
    if "prior_front" in roles:
        assert found[-1][1].id.startswith("prior")


@pytest.mark.parametrize("views", [(), ("LL",), ("RL", "LL")])
def test_without_a_frontal_film_there_is_nothing_to_ask(views: tuple[str, ...]) -> None:
    with pytest.raises(RefusedError, match="no frontal film"):
        films_of(Study("s", "p", images=tuple(film(view) for view in views)))


def test_sections_never_tell_the_answer() -> None:
    report = Report(
        indication="Cough.", technique=" ", comparison="None.", findings="Effusion.", impression="Effusion."
    )
    prior = Study("s0", "p", report=Report(findings="Old.", impression="Older."))
    assert sections_of(Study("s", "p", report=report, prior=prior)) == {
        "indication": "Cough.", "comparison": "None.", "prior_report": "Old. Older."}  # fmt: skip
    assert sections_of(Study("s", "p")) == {}


def test_questions_with_choices_are_put_as_choices() -> None:
    films = (("cur_front", film()),)
    with_choices = asked(Question("Which?", ("left", "right")), films, {})
    assert (with_choices.task, with_choices.choices) == ("choice", ("left", "right"))
    assert asked(Question("What?"), films, {}).task == "answer"


def test_answers_keep_what_identifies_their_question() -> None:
    said = Said("B", (), MadeBy("fake"))
    made = answered(Question("Which?", ("left", "right"), family="side", id="q7"), said)
    assert (made.text, made.answer, made.family, made.id, made.made_by) == (
        "Which?", "right", "side", "q7", MadeBy("fake"))  # fmt: skip
    assert answered(Question("What?"), Said("An effusion.")).answer == "An effusion."
    with pytest.raises(InputError, match="names none of the choices"):
        answered(Question("Which?", ("left", "right")), Said("up"))


def test_one_file_adds_a_scheme_of_its_own(tmp_path) -> None:
    """The door that `chat:` and `outside:` use is open to a plug-in."""
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        "from hilum import register\n"
        "class Opened:\n"
        "    needs, adds, mark = ('images',), ('report',), 'mark'\n"
        "    def __init__(self, place): self.name = f'mine:{place}'\n"
        "    def __call__(self, study):\n"
        "        import hilum\n"
        "        return study.add(report=hilum.Report(findings=self.name))\n"
        "@register.model('mine', needs=('images',), adds=('report',))\n"
        "class Mine:\n"
        "    @staticmethod\n"
        "    def at(place): return Opened(place)\n"
        "    def __call__(self, study): return study\n"
    )
    from hilum.core.registry import load_plugin

    load_plugin(plugin)
    model = load_model("mine:some/where#x=1")
    assert (model.name, model.source, model.adds) == ("mine:some/where#x=1", "mark", ("report",))
    read = model.call(Study("s", "p", images=(film(),)))
    assert read.report is not None
    assert read.report.findings == "mine:some/where#x=1"
    hides = Task("scenes", hide=("images",), metrics=("concept-f1",), name="t")
    with pytest.raises(InputError, match="which the task 't' hides"):
        check_fits(hides, model)
