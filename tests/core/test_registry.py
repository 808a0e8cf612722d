"""The plug-in door and the common checks: good code passes, each kind of bad code is caught."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hilum.core.check import check, example_studies
from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.registry import Entry, Registry, get, load_plugin, register
from hilum.core.study import Study

PLUGIN = '''
import hilum
from hilum import register

@register.model("{name}", needs=("images",), adds=("findings",))
def reader(study):
    """Always sees an effusion."""
    return study.add(findings=[hilum.Finding("pleural effusion", "present", 0.8)])
'''


def test_one_file_is_enough(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(PLUGIN.format(name="my-reader"))
    model = get("model", f"{file}:my-reader")
    assert model(Study("s")).findings[0].concept == "pleural effusion"
    assert load_plugin(file) is load_plugin(file)
    assert all(verdict.passed for verdict in check(model))
    assert register.find("model", "my-reader").summary == "Always sees an effusion."


def test_a_wrong_name_offers_the_nearest(tmp_path: Path) -> None:
    registry = Registry()
    registry.add("metric", "bleu-4", len, {"better": "higher"})
    with pytest.raises(InputError, match="did you mean bleu-4"):
        registry.find("metric", "bleu4")


def test_a_name_is_not_taken_twice() -> None:
    registry = Registry()
    registry.add("model", "a", test_one_file_is_enough, {})
    with pytest.raises(InputError, match="registered by"):
        registry.add("model", "a", get, {})


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(InputError, match="kinds are"):
        Registry().add("poem", "a", len, {})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "source, error, said",
    [
        ("import no_such_package_at_all", MissingError, "no_such_package_at_all"),
        ("1/0", InputError, "ZeroDivisionError"),
        ("def broken(:", InputError, "SyntaxError"),
    ],
)
def test_a_broken_plugin_is_one_sentence(tmp_path: Path, source: str, error: type[Exception], said: str) -> None:
    file = tmp_path / "bad.py"
    file.write_text(source)
    with pytest.raises(error, match=said):
        load_plugin(file)


def test_a_missing_plugin_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no plug-in file"):
        load_plugin(tmp_path / "none.py")


class Counter:
    """A model that changes its mind."""

    calls = 0

    def __call__(self, study: Study) -> Study:
        Counter.calls += 1
        return study.add(findings=[Finding("nodule", "present", (Counter.calls % 7) / 10)])


def _drops(study: Study) -> Study:
    return replace(study, findings=())


def _unsigned(study: Study) -> Study:
    return replace(study, findings=(*study.findings, Finding("nodule")))


def _undeclared(study: Study) -> Study:
    return study.add(images=study.images)


def _needs_prior(study: Study) -> Study:
    assert study.prior is not None
    return study


@pytest.mark.parametrize(
    "model, caught",
    [
        (_drops, "only adds"),
        (_unsigned, "signs what it adds"),
        (_undeclared, "only adds"),
        (_needs_prior, "survives every shape of study"),
        (Counter, "gives the same answer twice"),
    ],
)
def test_each_fault_is_caught_by_its_check(model: Callable[..., object], caught: str) -> None:
    verdicts = check(Entry("model", "m", model, {"needs": ("images",), "adds": ("findings",)}))
    assert caught in {verdict.name for verdict in verdicts if not verdict.passed}


def test_a_data_set_is_checked_for_ids_order_and_licence() -> None:
    def good() -> Iterator[Study]:
        yield from example_studies()

    assert all(v.passed for v in check(Entry("dataset", "d", good, {"licence": "CC0"})))
    twice = Entry("dataset", "d", lambda: [*example_studies(), *example_studies()], {"licence": ""})
    failed = {v.name for v in check(twice) if not v.passed}
    assert failed == {"yields studies with unique ids", "states a licence"}


def test_what_is_not_registered_cannot_be_checked() -> None:
    with pytest.raises(InputError, match="not registered"):
        check(object())
