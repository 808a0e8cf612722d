"""Labels of studies: what holds for any findings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch")
from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.study import Study
from hilum.learn.reader.labels import asked_of, aspects

CONCEPTS = ("opacity", "nodule", "effusion")
FINDING = st.builds(
    lambda concept, state, side, zone, size: Finding(
        concept, state, sites=(f"{side} {zone}".strip(),) if side or zone else (),
        attributes={"size": size} if size else {},
    ),
    st.sampled_from(CONCEPTS), st.sampled_from(("present", "absent", "uncertain")),
    st.sampled_from(("", "left", "right")), st.sampled_from(("", "lower lung zone", "pleural space")),
    st.sampled_from(("", "small", "large")),
)  # fmt: skip
STUDIES = st.lists(st.lists(FINDING, max_size=4), min_size=1, max_size=12).map(
    lambda rows: [Study(f"s{at}", findings=tuple(row)) for at, row in enumerate(rows)]
)
NAMES = ("opacity", "opacity, left", "nodule, size small", "effusion, right pleural space")


@settings(max_examples=60, deadline=None)
@given(STUDIES)
def test_yes_is_always_known_and_unmentioned_is_never(studies):
    asked = asked_of(studies, names=NAMES)
    assert asked.target.shape == asked.known.shape == (len(studies), len(NAMES))
    assert (asked.known[asked.target > 0]).all()
    for row, study in enumerate(studies):
        mentioned = {finding.concept for finding in study.findings}
        for column, name in enumerate(NAMES):
            assert asked.known[row, column] == (name.split(",")[0] in mentioned)


@settings(max_examples=60, deadline=None)
@given(STUDIES, st.randoms(use_true_random=False))
def test_the_order_of_studies_moves_rows_and_nothing_else(studies, rng):
    order = list(range(len(studies)))
    rng.shuffle(order)
    whole, mixed = asked_of(studies, names=NAMES), asked_of([studies[at] for at in order], names=NAMES)
    assert np.array_equal(whole.target[order], mixed.target)
    assert np.array_equal(whole.known[order], mixed.known)


@settings(max_examples=60, deadline=None)
@given(STUDIES, st.integers(1, 4))
def test_every_question_asked_has_as_many_yes_as_it_needs(studies, least):
    said = [aspect for study in studies for aspect in {a for finding in study.findings for a in aspects(finding)}]
    enough = {aspect for aspect in said if said.count(aspect) >= least}
    if not enough:
        with pytest.raises(InputError, match="no label"):
            asked_of(studies, least=least)
        return
    asked = asked_of(studies, least=least)
    assert set(asked.names) == enough
    assert list(asked.names) == sorted(asked.names)
    assert (asked.target.sum(0) >= least).all()


@settings(max_examples=60, deadline=None)
@given(FINDING)
def test_a_finding_answers_yes_to_its_own_name_exactly_where_it_is_there(finding):
    said = list(aspects(finding))
    assert (finding.concept in said) == (finding.state == "present")
    assert len(said) == len(set(said))
    assert all(each.startswith(finding.concept) for each in said)
    sides = {side for side in ("left", "right") if any(side in site for site in finding.sites)}
    if finding.state == "present":
        assert {side for side in ("left", "right") if f"{finding.concept}, {side}" in said} == sides
