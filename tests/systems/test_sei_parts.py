"""SEI's first stage: texts of the arms, the loss, features, what is found and how it is scored."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.objectives.contrast import info_nce  # noqa: E402
from hilum.learn.objectives.tokens import token_matching  # noqa: E402
from hilum.systems._sei_cases import Cases, facts_of, picture, said, texts_of  # noqa: E402
from hilum.systems._sei_claims import CLAIMS, ENTITIES, FIRST, FIVE, GLOBAL, ILL, PLAIN, PROSE, SHUFFLED  # noqa: E402
from hilum.systems._sei_fit import features_of, fit_stage, hash_of  # noqa: E402
from hilum.systems._sei_judge import judge_sei  # noqa: E402
from hilum.systems._sei_net import Batch, Sei, small_net, stage1_loss  # noqa: E402
from hilum.systems._sei_style import AUTHORS, CLOSINGS, OPENINGS, by_authors, entities, restyled  # noqa: E402
from hilum.systems._sei_train import Recipe  # noqa: E402
from hilum.systems._stage1 import WIDTH  # noqa: E402
from hilum.systems.sei import reproduce  # noqa: E402
from hilum.text.minimal import minimal_sentences  # noqa: E402
from hilum.text.parse import parse  # noqa: E402
from tests.systems.made_films import pairs  # noqa: E402

REPORTS = (
    "Small right pleural effusion. No consolidation, pulmonary edema, lung nodule, lung mass or pneumothorax. No "
    "evidence of cardiomegaly. Small right pleural effusion.",
    "Left pacemaker, stable since the prior film. The tip of the central venous catheter lies in the cavoatrial "
    "junction, unchanged since the prior film. There is no consolidation. No pneumothorax or cardiomegaly.",
    "Severe emphysema is present in both lungs, unchanged since the prior film. There has been resolution of linear "
    "atelectasis in the left lower lung zone since the prior film. There is no evidence of cardiomegaly.",
    "There is mild consolidation in the lingula, new in the interval since the prior film. Moderate left pleural "
    "effusion is seen. Lung nodules are seen in both lungs.",
)


@pytest.mark.parametrize("report", REPORTS)
def test_every_author_says_the_same_facts_in_other_words(report: str) -> None:
    facts = set(minimal_sentences(parse(report)))
    told = [restyled(report, author, seed=0, study="s") for author in range(AUTHORS)]
    assert len(set(told)) == AUTHORS
    for text in told:
        assert set(minimal_sentences(parse(text))) == facts
        assert any(line in text for line in OPENINGS)
        assert any(line in text for line in CLOSINGS)


def test_an_author_is_drawn_for_each_study_and_stays() -> None:
    reports, studies = REPORTS * 2, [f"s{n % 4}" for n in range(8)]
    one = by_authors(reports, studies, seed=3)
    assert one[:4] == one[4:]
    assert one == by_authors(reports, studies, seed=3)
    assert one != by_authors(reports, studies, seed=4)
    assert by_authors(("",), ("s",), seed=0) == ("",)


def test_entities_leave_the_filler_out() -> None:
    """Few words of the filler stay, such as 'single exposure inspiration', and no sentence as a whole."""
    kept = [entities((line,))[0] for line in (*OPENINGS, *CLOSINGS)]
    empty = [said for said, line in zip(kept, (*OPENINGS, *CLOSINGS), strict=True) if said == line]
    assert len(empty) >= 0.6 * len(kept)  # nothing in it: the line stays as it is only where it is alone
    told = entities((restyled(REPORTS[0], 2, seed=0, study="s"),))[0]
    assert "small right pleural effusion" in told
    assert not any(line in told for line in (*OPENINGS, *CLOSINGS))


def test_without_the_prefix_absence_reads_like_presence() -> None:
    report = ("No pleural effusion. Possible pneumonia. Left pacemaker.",)
    assert entities(report) == ("no pleural effusion [SEP] maybe pneumonia [SEP] left pacemaker",)
    assert entities(report, prefix=False) == ("pleural effusion [SEP] pneumonia [SEP] left pacemaker",)


def test_the_arms_read_the_same_reports_and_the_shuffled_one_anothers() -> None:
    made = pairs(patients=8)
    texts = texts_of(made, seed=0)
    assert set(texts) == {ENTITIES, PLAIN, PROSE, SHUFFLED, GLOBAL}
    assert texts[GLOBAL] == texts[ENTITIES] == entities(texts[PROSE])
    whole = dict(zip(made.study.tolist(), texts[ENTITIES], strict=True))
    other = dict(zip(made.study.tolist(), texts[SHUFFLED], strict=True))
    assert sorted(other.values()) == sorted(whole.values())  # each study's text is given once
    assert texts[SHUFFLED][::2] == texts[SHUFFLED][1::2]  # both films of a study get the same one


def test_facts_are_findings_with_their_side_and_unknown_ones_are_none() -> None:
    made = pairs(patients=1)
    assert facts_of(made)[:2] == (frozenset({"pacemaker|0"}),) * 2
    assert facts_of(made)[2] == frozenset({"pleural effusion|1"})
    made.known[2, 0] = False
    assert facts_of(made)[2] == frozenset()
    assert said(frozenset({"pleural effusion|1", "pacemaker|0"})) == "pacemaker, right pleural effusion"
    assert said(frozenset()) == "none"


def batch(rows: int = 4) -> Batch:
    gen = torch.Generator().manual_seed(0)
    ids = torch.tensor([[2, 3, 4, 5], [4, 5, 0, 0], [6, 2, 3, 0], [7, 0, 0, 0]])[:rows]
    return Batch(torch.randn(rows, 10, WIDTH, generator=gen), ids, ids > 0)


def net() -> Sei:
    torch.manual_seed(0)
    return small_net(12)


def test_the_loss_is_instance_and_token_term() -> None:
    made, given = net().eval(), batch()
    film, patches = made.seen(given.tokens)
    text, words = made.told(given.ids, given.mask)
    unit = torch.nn.functional.normalize
    whole = float(info_nce(unit(film, dim=-1) @ unit(text, dim=-1).T / 0.5).detach())
    term = float(token_matching(patches, words, given.mask).detach())
    total, told = stage1_loss(made, given, tau=0.5)
    assert told == pytest.approx({"instance": whole, "token": term})
    assert float(total.detach()) == pytest.approx(whole + term, rel=1e-5)
    assert float(stage1_loss(made, given, tau=0.5, words=False)[0].detach()) == pytest.approx(whole, rel=1e-5)


def test_with_unit_vectors_the_token_term_is_nearly_that_of_a_mean_patch() -> None:
    made, given = net().eval(), batch()
    _, patches = made.seen(given.tokens)
    _, words = made.told(given.ids, given.mask)
    flat = torch.nn.functional.normalize(patches, dim=-1).mean(1, keepdim=True).expand_as(patches)
    mean = float(token_matching(flat, words, given.mask).detach())
    released = stage1_loss(made, given, tau=0.5, unit=True)[1]["token"]
    assert released == pytest.approx(mean, abs=0.02)  # every word looks at the same thing


def test_what_a_film_is_found_by_are_rows_of_length_one() -> None:
    made = net().eval()
    features = features_of(made, batch().tokens, batch=3)
    assert features.shape == (4, 10 * WIDTH)
    assert np.linalg.norm(features.reshape(4, 10, WIDTH), axis=-1) == pytest.approx(np.ones((4, 10)), abs=1e-5)
    assert hash_of(made) == hash_of(net().eval())
    with torch.no_grad():
        made.film.first.weight[0, 0] += 1
    assert hash_of(made) != hash_of(net().eval())


def test_training_lowers_the_loss_and_a_seed_gives_the_same_weights() -> None:
    given, seen = batch(), []
    recipe = Recipe(steps=20, batch=4, rate=3e-3)

    def fitted() -> str:
        made = fit_stage(net(), given.tokens, (given.ids, given.mask), recipe, seed=0,
                         progress=lambda step, row: seen.append(row["instance"]))  # fmt: skip
        return hash_of(made)

    assert fitted() == fitted()
    assert seen[1] < seen[0]


def cases() -> Cases:
    train, asked = pairs(patients=8), pairs(patients=5, name="q")
    train, asked = train.take(train.frontal), asked.take(asked.frontal)
    tokens = []
    for each in (train, asked):
        blocks = torch.from_numpy(each.films).float().reshape(len(each), 4, 8, 4, 8).mean((2, 4)).flatten(1) / 255
        tokens.append(blocks.repeat(1, WIDTH // 16)[:, None].repeat(1, 5, 1))
    return Cases(train, asked, tokens[0], tokens[1], facts_of(train), facts_of(asked))


def test_cases_of_the_same_patient_are_never_found() -> None:
    made = cases()
    own = Cases(made.train, made.train, made.tokens, made.tokens, made.held, made.held)
    features = own.tokens[:, 0].numpy()
    rows = own.find(features, features, "mark")
    assert rows.shape == (len(own.train), 5)
    assert (own.train.patient[rows] != own.train.patient[:, None]).all()
    scores = own.scores(rows)
    assert set(scores) == {FIRST, FIVE, ILL}
    assert scores[FIRST].value == 1.0  # the bright corner tells the two kinds of film apart
    assert np.isfinite(scores[ILL].values).all()


@pytest.mark.slow
def test_every_claim_is_judged_with_its_controls_on_three_seeds() -> None:
    recipe = Recipe(steps=3, batch=6)
    parts, beside, lines, figures = judge_sei(cases(), recipe, seed=0, seeds=3, say=lambda line: None)
    assert [part.claim for part in parts] == list(CLAIMS)
    assert all(part.seeds == 3 for part in (*parts, *beside))
    assert all(set(part.claim.controls) <= set(part.arms) for part in parts)
    assert all(0 <= arm.value <= 1 for part in parts for arm in part.arms.values())
    assert "5 patients" in lines[0]
    assert next(iter(figures.values())).startswith(b"\x89PNG")


@pytest.mark.slow
def test_cases_can_be_found_by_the_film_as_a_whole() -> None:
    """The film's own vector comes first among the features; patches then play no part."""
    recipe, made = Recipe(steps=3, batch=6), cases()
    noise = [torch.cat((each[:, :1], torch.randn(len(each), 40, WIDTH)), dim=1)
             for each in (made.tokens, made.asked_tokens)]  # fmt: skip
    odd = Cases(made.train, made.asked, noise[0], noise[1], made.held, made.facts)
    found = [judge_sei(odd, recipe, seed=0, seeds=1, say=lambda line: None, pooled=pooled)[0][1].arms[ENTITIES].value
             for pooled in (True, False)]  # fmt: skip
    assert found[0] > 0.95
    assert found[1] < 0.9
    with pytest.raises(InputError, match="'patches' or by 'film'"):
        reproduce(by="words")


def test_the_picture_shows_films_without_findings_where_there_are_no_others() -> None:
    made = cases()
    bare = Cases(made.train, made.asked, made.tokens, made.asked_tokens, made.held, (frozenset(),) * len(made.asked))
    found = np.zeros((len(made.asked), 5), np.intp)
    assert picture(bare, {"arm": found}, ("arm",), rows=2).startswith(b"\x89PNG")
