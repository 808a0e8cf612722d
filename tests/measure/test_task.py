"""A task is refused where it cannot be run, with the word that was meant; what it opens is the cohort."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from hilum import Cohort, Study, Task
from hilum.core.errors import InputError, MissingError
from hilum.measure.task import find_task, load_files, plugin_file, plugin_files
from tests.measure import benchmarks

ONE = Cohort("one", [Study("a", patient="p")])


@pytest.mark.parametrize(
    ("cohort", "hide", "metrics", "said"),
    [
        (ONE, ("finding",), ("concept-f1",), "did you mean 'findings'"),
        (ONE, ("findings",), ("concept-fi",), "did you mean concept-f1"),
        ("opini", ("findings",), ("concept-f1",), "did you mean openi"),
        (ONE, (), ("concept-f1",), "at least one field"),
        (ONE, ("findings",), (), "at least one field"),
        (3, ("findings",), ("concept-f1",), "the name of a data set, a Cohort, or a function"),
    ],
)
def test_what_cannot_be_run_is_refused_when_it_is_declared(
    cohort: object, hide: tuple[str, ...], metrics: tuple[str, ...], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        Task(cohort, hide, metrics)  # type: ignore[arg-type]


def test_a_metric_of_masks_is_no_metric_of_a_task() -> None:
    from hilum import register

    @register.metric("made-mask-metric", better="higher", takes="mask")
    def made_mask_metric(reference: object, answer: object) -> float:
        """Made."""
        return 1.0

    with pytest.raises(InputError, match=r"scores studies or reports.*takes mask"):
        Task(ONE, ("findings",), ("made-mask-metric",))


def test_one_word_stands_for_a_tuple_of_it() -> None:
    task = Task(ONE, "findings", "concept-f1")  # type: ignore[arg-type]
    assert (task.hide, task.metrics) == (("findings",), ("concept-f1",))


def test_a_found_task_has_its_name_version_and_choices() -> None:
    task = find_task("made/findings", {"metrics": "concept-precision"})
    assert (task.name, task.version, task.metrics) == ("made/findings", 1, ("concept-precision",))
    assert len(list(task.open())) == benchmarks.COUNT
    assert len(list(find_task("made/reports", {"every": "2"}).open())) == benchmarks.COUNT


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("made/finding", {}, "did you mean made/findings"),
        ("made/findings", {"metric": "x"}, "did you mean 'metrics'"),
        ("made/reports", {"every": "often"}, "'every' of 'made/reports' is a int, got 'often'"),
        ("openi/findings", {"half": "third"}, "half must be one of dev, test, all"),
        ("pack/opacity", {"truth": "felt"}, "truth must be one of listed, read"),
    ],
)
def test_unknown_names_and_choices_are_sentences(name: str, settings: dict[str, str], said: str) -> None:
    with pytest.raises(InputError, match=said):
        find_task(name, settings)


PLUGIN = """import hilum
from hilum import register


@register.task("kept/task", version=1)
def task():
    return hilum.Task(hilum.Cohort("c", [hilum.Study("a")]), ("findings",), ("concept-f1",))
"""


def test_a_task_of_a_plugin_file_knows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "kept.py"
    file.write_text(PLUGIN)
    files = plugin_files(find_task(f"{file}:kept/task"))
    assert files == {str(file.resolve()): sha256(PLUGIN.encode()).hexdigest()}
    assert plugin_file("task", "kept/task") == str(file.resolve())
    assert plugin_file("task", "openi/findings") == plugin_file("model", "kept/task") == ""
    assert plugin_files(find_task("openi/findings")) == {}
    load_files({str(tmp_path / "elsewhere.py"): files[str(file.resolve())]}, tmp_path)  # the same file is loaded
    with pytest.raises(InputError, match=r"elsewhere\.py', which is gone"):
        load_files({str(tmp_path / "elsewhere.py"): "0" * 64}, tmp_path)
    with pytest.raises(InputError, match=r"kept\.py', which has changed since"):
        load_files({str(file): "0" * 64}, tmp_path)


def test_what_needs_data_says_what_to_get(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"needs its data \(the made archive\): give the folder with --data"):
        find_task("made/far").open()
    with pytest.raises(MissingError, match="no Open-i reports"):
        list(find_task("made/far").open(tmp_path))


def test_a_split_of_the_cohort_and_a_setting_of_its_data() -> None:
    halves = Cohort("one", [Study(f"s{n}", patient=f"p{n}") for n in range(50)], splits={"train": 0.5, "test": 0.5})
    some = list(Task(halves, ("findings",), ("concept-f1",), split="test").open())
    assert 0 < len(some) < 50
    with pytest.raises(InputError, match="no split 'best'"):
        Task(halves, ("findings",), ("concept-f1",), split="best").open()
    with pytest.raises(InputError, match="no setting 'sauces': did you mean 'sources'"):
        Task("pack", ("findings",), ("concept-f1",), settings={"sauces": ()}).open("here")


def test_a_task_function_that_returns_something_else_is_told() -> None:
    from hilum import register

    @register.task("made/no-task", version=1)
    def no_task() -> int:
        """Made."""
        return 3

    with pytest.raises(InputError, match=r"must return a hilum\.Task, it returned a int"):
        find_task("made/no-task")
