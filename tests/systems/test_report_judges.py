"""Judges that read reports: pairs of ImaGenome's gold, Lunguage's sequences, result codes and their labels."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, roc_auc_score

from hilum.core.errors import InputError, MissingError
from hilum.core.finding import Finding
from hilum.core.seed import generator
from hilum.systems import _imagenome_gold as gold
from hilum.systems import _imagenome_judge, multi_model_report
from hilum.systems import _lunguage_judge as lunguage
from hilum.systems import _lunguage_sequences as sequences
from hilum.systems import _multi_model_oracle as oracle
from hilum.systems import _multi_model_scores as codes
from hilum.systems._multi_model_nets import arms, slices
from hilum.text.codes import code_bank
from hilum.text.parse import parse
from hilum.text.scene import scene
from hilum.text.scene_table import SIDES, attributes, sided, sites

THREE, FOURTEEN = code_bank("three"), code_bank("fourteen")
NAMES = st.sampled_from(sorted(gold.HEADS.values()))


def code(term: str, *, side: tuple[str, ...] = (), region: tuple[str, ...] = ()) -> dict[str, str]:
    """A coded report with one term."""
    return {"qualifiers_json": json.dumps([{"term": term, "side": list(side), "region": list(region)}]),
            "mesh_major": term}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(NAMES, st.sampled_from(SIDES), st.integers(1, 3))
def test_closing_pairs_twice_adds_nothing_and_holds_what_was_given(name: str, side: str, count: int) -> None:
    held = attributes()[name]
    at = {sided(family, side) for family in sorted(held.permitted)[:count]}
    once = gold.closed(name, at)
    assert {(site, name) for site in at} <= once
    assert gold.closed(name, {site for site, _ in once}) == once
    assert {attribute for _, attribute in once} == {name, *held.above}
    allowed = {sided(family, side) for family in held.permitted for side in SIDES}
    assert {site for site, _ in once} <= allowed
    assert all(up in {s for s, _ in once} for site, _ in once for up in sites()[site].above if up in allowed)


def test_both_sides_are_the_union_of_each() -> None:
    (right, _), (left, _), (both, _) = (
        gold.coded(code("Pleural Effusion/x", side=sides)) for sides in (("right",), ("left",), ("bilateral",))
    )
    assert right
    assert left
    assert both == right | left
    assert gold.coded(code("Pleural Effusion", side=("right", "left")))[0] == both


def test_a_region_that_implies_its_side_needs_none() -> None:
    said = gold.coded(code("Opacity/middle lobe", region=("middle lobe",)))
    told = gold.coded(code("Opacity/middle lobe", region=("middle lobe",), side=("right",)))
    assert said == told
    assert said[0]
    assert all("left" not in site for site, _ in said[0])


def test_a_term_of_no_interest_gives_nothing_and_a_midline_one_needs_no_side() -> None:
    assert gold.coded(code("Spine/degenerative")) == (set(), set())
    heart, open_ended = gold.coded(code("Cardiomegaly/mild"))
    assert {name for _, name in heart} >= {"enlarged cardiac silhouette"}
    assert open_ended == set()
    bare = {"qualifiers_json": "[]", "mesh_major": "Cardiomegaly/mild;Pleural Effusion"}
    pairs, skipped = gold.coded(bare)
    assert pairs == heart
    assert "pleural effusion" in skipped


@settings(max_examples=40, deadline=None)
@given(st.sets(st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz"))),
       st.sets(st.tuples(st.sampled_from("ABC"), st.sampled_from("xyz"))), st.sets(st.sampled_from("xyz")))  # fmt: skip
def test_pairs_are_counted_as_sets_and_what_is_skipped_counts_on_neither_side(
    true: set[tuple[str, str]], said: set[tuple[str, str]], skipped: set[str]
) -> None:
    ((right, wrong, missed),) = gold.counts([(true, skipped)], [said]).tolist()
    kept_true, kept_said = ({p for p in each if p[1] not in skipped} for each in (true, said))
    assert right + missed == len(kept_true)
    assert right + wrong == len(kept_said)
    ((itself, none, nothing),) = gold.counts([(true, skipped)], [true]).tolist()
    assert (itself, none, nothing) == (len(kept_true), 0, 0)
    ((at_a, _, _),) = gold.counts([(true, skipped)], [said], frozenset("A")).tolist()
    assert at_a == len({p for p in kept_true & kept_said if p[0] == "A"})


def test_a_perfect_scene_scores_one_and_an_empty_one_nought() -> None:
    pairs, skipped = gold.coded(code("Pleural Effusion/right", side=("right",)))
    assert _imagenome_judge._scored(gold.counts([(pairs, skipped)], [pairs])).value == 1.0
    assert _imagenome_judge._scored(gold.counts([(pairs, skipped)], [set()])).value == 0.0
    assert np.isnan(_imagenome_judge._scored(gold.counts([(set(), set())], [set()])).value)


def test_a_denied_finding_states_no_pair_and_a_stated_one_its_site() -> None:
    assert gold.stated(scene(parse("No pleural effusion. The lungs are clear."))) == set()
    found = gold.stated(scene(parse("Small right pleural effusion.")))
    assert found
    assert {name for _, name in found} <= gold.SCORED
    assert not any("left" in site for site, _ in found)


def test_the_halves_part_the_coded_reports(tmp_path: Path) -> None:
    (tmp_path / "openi").mkdir()
    with (tmp_path / "openi" / "gold_findings.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["report_id", "findings", "impression", "text_hash", "gold_status"])
        for number in range(12):
            words = "" if number == 5 else "Clear."
            writer.writerow([number, words, "", f"{number:x}", "ok" if number < 10 else "none"])
    dev, test, both = ([row["report_id"] for row in gold.load(tmp_path, half)] for half in ("dev", "test", "all"))
    assert dev == ["0", "2", "4", "6", "8"]
    assert test == ["1", "3", "7", "9"]  # 5 has no text
    assert sorted(dev + test) == sorted(both)
    with pytest.raises(InputError, match="half must be dev, test or all, got 'train'"):
        gold.load(tmp_path, "train")
    with pytest.raises(MissingError, match=r"holds no openi/gold_findings\.csv"):
        gold.load(tmp_path / "openi")


FINDINGS = st.builds(
    Finding, st.sampled_from(("pleural effusion", "consolidation")),
    sites=st.sampled_from((("right pleural space",), ("left upper lung zone",), ("right lower lung zone",))),
    attributes=st.sampled_from(({"severity": "mild"}, {"severity": "severe"}, {"severity": "moderate"})),
    change=st.sampled_from(("improved", "worsened", "unchanged", "new")),
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(FINDINGS)
def test_an_edit_changes_its_field_alone_and_never_to_what_it_was(finding: Finding) -> None:
    side, grade, denied, change = (
        edit(finding)
        for edit in (sequences._other_side, sequences._other_grade, sequences._denied, sequences._other_change)
    )
    assert side is not None
    assert side.sites != finding.sites
    assert sequences._other_side(side) == finding  # the other side of the other side
    assert grade is not None
    assert grade.attributes["severity"] != finding.attributes["severity"]
    assert (grade.sites, grade.change) == (finding.sites, finding.change)
    assert denied is not None
    assert (denied.state, denied.concept, denied.sites) == ("absent", finding.concept, ())
    assert change is not None
    assert change.change != finding.change


def test_what_a_finding_does_not_have_cannot_be_told_wrong() -> None:
    bare = Finding("cardiomegaly")
    assert sequences._other_side(bare) is sequences._other_grade(bare) is sequences._other_change(bare) is None


@pytest.mark.parametrize("seed", range(4))
def test_a_course_keeps_its_anchor_and_changes_only_against_a_film_before(seed: int) -> None:
    for number in range(10):
        films = sequences.course(generator(seed, "course", number))
        assert len(films) == sequences.FILMS == len(sequences.DATES)
        anchors = {film[0].concept for film in films}
        assert len(anchors) == 1
        assert anchors <= set(sequences._ANCHORS)
        shown: set[str] = set()
        for place, film in enumerate(films):
            present = [finding for finding in film if finding.state == "present"]
            for finding in present:
                if place == 0:
                    assert finding.change is None
                else:
                    assert (finding.change == "new") == (finding.concept not in shown)
            shown = {finding.concept for finding in present}
            assert len({finding.id for finding in film}) == len(film)


def test_a_cohort_is_the_same_by_its_seed_and_longer_ones_begin_alike() -> None:
    assert sequences.cohort(3, seed=2) == sequences.cohort(5, seed=2)[:3]
    assert sequences.cohort(3, seed=2) != sequences.cohort(3, seed=3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_the_auroc_of_right_beside_wrong_answers_is_sklearns(seed: int) -> None:
    right, bad = np.round(np.random.default_rng(seed).random((2, 30)), 1)
    made = lunguage._auroc({"right": right, "x": bad}, ("x",))
    truth = np.repeat([1, 0], 30)
    assert made.value == pytest.approx(roc_auc_score(truth, np.concatenate([right, bad])))
    assert lunguage._auroc({"right": right, "x": right}, ("x",)).value == 0.5  # a copied arm tells nothing
    assert lunguage._auroc({"right": right + 2, "x": bad}, ("x",)).value == 1.0


def test_scores_are_put_by_kind_of_answer_and_averaged_over_films() -> None:
    found = lunguage._by_kind(list(range(12)), ["right", "side"], 2, 3)
    assert {kind: row.tolist() for kind, row in found.items()} == {"right": [1.0, 4.0], "side": [7.0, 10.0]}


def test_the_table_has_a_line_for_each_arm_and_a_mean_loss_of_nought_for_a_copy() -> None:
    kinds = (*sequences.FIELDS, sequences.ORDER, "near-duplicate", "right")
    run = {"arm": {kind: np.array([0.2, 0.9]) for kind in kinds}}
    head, line = lunguage._table([run])
    assert all(kind in head for kind in kinds[:-1])
    assert line.count("0.500 / +0.000") == len(kinds) - 1


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 600), st.integers(0, 200))
def test_slices_cover_the_film_in_order_and_overlap_as_asked(size: int, overlap: int) -> None:
    upper, middle, lower = slices(size)
    assert (upper[0], lower[1]) == (0, size)
    assert (upper[1], middle[1]) == (middle[0], lower[0])
    assert max(b - a for a, b in (upper, middle, lower)) - min(b - a for a, b in (upper, middle, lower)) <= 1
    for (a, b), (c, d) in zip((upper, middle, lower), slices(size, overlap=overlap), strict=True):
        assert (c, d) == (max(0, a - overlap), min(size, b + overlap))


def test_every_arm_answers_every_label_once() -> None:
    for models in arms(128, 4).values():
        assert sorted(column for columns, _, _ in models for column in columns) == [0, 1, 2]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_f1_of_the_ceiling_is_sklearns(seed: int) -> None:
    truth, said = np.random.default_rng(seed).random((2, 30, 4)) < 0.4
    truth[0] = True
    micro, macro = oracle._f1(truth, said)
    assert micro == pytest.approx(f1_score(truth, said, average="micro", zero_division=0))
    assert macro == pytest.approx(f1_score(truth, said, average="macro", zero_division=0))


def test_nothing_said_and_nothing_there_is_no_division_by_nought() -> None:
    assert oracle._f1(np.zeros((3, 2), bool), np.zeros((3, 2), bool)) == (0.0, 0.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), min_size=len(THREE.labels), max_size=len(THREE.labels)))
def test_a_code_is_its_bits_and_the_labeler_reads_it_back(bits: list[bool]) -> None:
    said = codes.code_of(bits)
    assert [letter == "1" for letter in said] == bits
    report = THREE.report(said)
    assert multi_model_report.read_code(THREE, {"findings": report.findings, "impression": report.impression}) == said
    assert codes.read_bits(THREE, np.array([bits])).tolist() == [bits]


def test_perfect_bits_are_those_coded_and_left_out_counts_as_nought() -> None:
    row = {f"nih__{name}": value for name, value in zip(THREE.labels, ("1", "0", "-1"), strict=True)}
    assert oracle._perfect(THREE, row) == "100"
    assert set(oracle._sections(FOURTEEN, "0" * len(FOURTEEN.labels))) == {"findings", "impression"}


def test_codes_score_one_if_right_and_by_the_share_that_is(draw: np.random.Generator) -> None:
    truth = draw.random((40, 3)) < 0.5
    said = truth.copy()
    said[:10, 0] ^= True
    assert codes.exact_code(truth, truth).value == 1.0
    assert codes.exact_code(said, truth).value == 0.75
    assert codes.exact_code(~truth, truth).value == 0.0
    assert codes.label_f1(THREE, said, truth).value == pytest.approx(f1_score(truth, said, average="micro"))
    assert codes.hallucinated(THREE, truth) == 0.0


def test_empty_trials_grow_by_metric_and_arm() -> None:
    trials = codes.new_trials()
    assert trials["F1"]["ours"] == []
    assert dict(trials) == {"F1": {"ours": []}}
