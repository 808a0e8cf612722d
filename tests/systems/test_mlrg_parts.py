"""MLRG's first stage: who looks at whom, what takes part in which loss, and what the scores count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'train') is not installed")

from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.nets.views import CURRENT, LATEST  # noqa: E402
from hilum.systems._mlrg_fit import Arm, embedded, fit_arm, serialised, views_of  # noqa: E402
from hilum.systems._mlrg_net import Batch, small_net, stage1_loss  # noqa: E402
from hilum.systems._mlrg_parts import others_of, picture  # noqa: E402
from hilum.systems._mlrg_score import nearest_other_view, probed, view_to_report, view_to_study  # noqa: E402
from hilum.systems._mlrg_sets import films_of, sets_of  # noqa: E402
from hilum.systems._stage1 import WIDTH, Stage1  # noqa: E402
from tests.systems.made_films import pairs  # noqa: E402


def shuffled(made: Pairs) -> Pairs:
    return made.take(np.random.default_rng(3).permutation(len(made)))


def test_a_prior_is_of_an_earlier_visit_of_the_patient_in_any_order_of_rows() -> None:
    for made in (pairs(visits=3), shuffled(pairs(visits=3))):
        sets = sets_of(made)
        for row, prior in enumerate(sets.prior):
            if made.visit[row] == 0:
                assert prior == -1
                continue
            assert made.patient[prior] == made.patient[row]
            assert made.visit[prior] == made.visit[row] - 1  # the latest of the earlier ones
            assert made.view[prior] == "PA"  # a lateral anchor compares with the frontal film, as a reader does


def test_identifiers_say_nothing_about_time() -> None:
    made = pairs()
    late = np.where(made.visit == 0, 5, 1).astype(np.int32)  # what came first by name came last by date
    sets = sets_of(replace(made, visit=late))
    assert (sets.prior[late == 1] == -1).all()
    assert (late[sets.prior[late == 5]] == 1).all()


def test_each_film_is_there_once_for_each_role() -> None:
    made = pairs(patients=1)
    sets = sets_of(made)
    films = films_of(sets, [0, 1, 2, 3])  # both films of both visits
    held = list(zip(films.rows.tolist(), films.when.tolist(), strict=True))
    assert len(held) == len(set(held)) == 5  # four current films, and the first PA once more as a prior
    assert (0, CURRENT) in held
    assert (0, LATEST) in held
    looked = [sorted(held[at] for at in each if at >= 0) for each in films.others.tolist()]
    assert looked == [[(1, 0)], [(0, 0)], [(0, 1), (3, 0)], [(0, 1), (2, 0)]]


def test_a_single_view_looks_at_nothing_and_a_swap_at_another_patients_films() -> None:
    sets = sets_of(pairs())
    alone = films_of(sets, [0, 2], views=False, priors=False)
    assert (alone.others == -1).all()
    swap = np.arange(24)
    swap[2] = 6
    films = films_of(sets, [2], swap=swap)
    assert films.rows[films.others[0]].tolist() == films_of(sets, [6]).rows[films_of(sets, [6]).others[0]].tolist()
    assert films.rows[films.anchors].tolist() == [2]


def batch_of(made: Pairs, anchors: list[int], tokens: torch.Tensor, **how: bool) -> Batch:
    sets = sets_of(made)
    films = films_of(sets, anchors, **how)
    ids = torch.tensor([[2 + row % 5, 3] for row in anchors])
    return Batch(films, tokens[films.rows], views_of(made)[films.rows], torch.from_numpy(sets.study)[films.rows], ids,
                 ids > 0)  # fmt: skip


def drawn_tokens(made: Pairs, count: int = 5) -> torch.Tensor:
    return torch.randn(len(made), count, WIDTH, generator=torch.Generator().manual_seed(0))


def test_the_loss_is_the_papers_two_terms() -> None:
    made = pairs(patients=3)
    torch.manual_seed(0)
    net, tokens = small_net(12).eval(), drawn_tokens(pairs(patients=3))
    batch = batch_of(made, [0, 1, 2, 4, 9], tokens)
    total, told = stage1_loss(net, batch, tau=0.5, mpc=True)
    with torch.no_grad():
        fused, alone = net.fused(batch.tokens, batch.view, batch.films)
        text = net.told(batch.ids, batch.mask)
    a, t = (x.numpy() / np.linalg.norm(x.numpy(), axis=1, keepdims=True) for x in (fused[:, 0], text))
    study = made.study[[0, 1, 2, 4, 9]]
    positive = (study[:, None] == study[None]).astype(float)
    y = positive / positive.sum(1, keepdims=True)
    l_g = 0.0
    for s in (a @ t.T / 0.5, t @ a.T / 0.5):
        l_g -= 0.5 * float((y * (s - np.log(np.exp(s).sum(1, keepdims=True)))).sum(1).mean())
    assert told["l_g"] == pytest.approx(l_g, rel=1e-4)

    now = batch.films.when.numpy() == CURRENT
    rows, of = alone.numpy()[now], batch.study.numpy()[now]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    each = []
    for i in range(len(rows)):
        others = [j for j in range(len(rows)) if j != i and (of == of[j]).sum() > 1]
        mates = [j for j in others if of[j] == of[i]]
        if mates:
            below = sum(np.exp(rows[i] @ rows[j] / 0.5) for j in others)
            each.append(-np.mean([np.log(np.exp(rows[i] @ rows[j] / 0.5) / below) for j in mates]))
    assert told["l_mpc"] == pytest.approx(np.mean(each), rel=1e-4)
    assert float(total.detach()) == pytest.approx(l_g + np.mean(each), rel=1e-4)


def test_earlier_films_take_no_part_in_l_mpc() -> None:
    made = pairs(patients=3)
    torch.manual_seed(0)
    net, tokens = small_net(12).eval(), drawn_tokens(made)
    moved = tokens.clone()
    moved[made.visit == 0] = torch.randn(6, 5, WIDTH)
    anchors = np.flatnonzero(made.visit == 1).tolist()
    one, two = (stage1_loss(net, batch_of(made, anchors, each), tau=0.5, mpc=True)[1] for each in (tokens, moved))
    assert one["l_mpc"] == pytest.approx(two["l_mpc"], rel=1e-6)
    assert one["l_g"] != pytest.approx(two["l_g"], rel=1e-6)  # they are looked at, though


def test_a_batch_of_lone_films_has_no_l_mpc() -> None:
    made = pairs(patients=4).take(np.arange(0, 16, 2))  # no lateral film
    torch.manual_seed(0)
    _, told = stage1_loss(small_net(12).eval(), batch_of(made, [0, 2, 4], drawn_tokens(made)), tau=0.5, mpc=True)
    assert told["l_mpc"] == 0.0


def test_training_lowers_the_loss_and_a_seed_gives_the_same_weights() -> None:
    made = pairs()
    sets, tokens = sets_of(made), drawn_tokens(made)
    ids = torch.tensor([[2 + row // 2 % 9, 3] for row in range(len(made))])
    recipe, seen = Stage1(steps=12, batch=8), []

    def fitted() -> dict[str, torch.Tensor]:
        torch.manual_seed(1)
        net = fit_arm(small_net(12), made, sets, tokens, (ids, ids > 0), Arm(), recipe, seed=1,
                      progress=lambda step, row: seen.append(row["loss"]))  # fmt: skip
        return dict(net.state_dict())

    first, again = fitted(), fitted()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert seen[1] < seen[0]
    torch.manual_seed(1)
    fresh = small_net(12)
    same = fit_arm(small_net(12), made, sets, tokens, (ids, ids > 0), Arm(steps=0.0), recipe, seed=1)
    assert same.state_dict().keys() == fresh.state_dict().keys()


def test_one_view_at_test_looks_at_the_film_alone() -> None:
    made = pairs()
    sets, tokens = sets_of(made), drawn_tokens(made)
    torch.manual_seed(0)
    net = small_net(12).eval()
    rows = np.array([2, 6])
    one, alone = embedded(net, made, sets, tokens, rows, views=False, priors=False)
    many, same = embedded(net, made, sets, tokens, rows)
    assert one.shape == many.shape == (2, WIDTH)
    assert alone == pytest.approx(same)
    assert not np.allclose(one, many)


def test_the_nearest_film_of_the_other_kind_counts_by_its_study() -> None:
    made = pairs(patients=3, visits=1)
    code = np.eye(3).repeat(2, axis=0)  # both films of a study alike
    assert view_to_study(made, code).value == 1.0
    code[[1, 3]] = code[[3, 1]]  # two lateral films change places
    assert view_to_study(made, code).values.tolist() == [0, 0, 0, 0, 1, 1]
    frontal_only = made.take(made.frontal)
    assert np.isnan(view_to_study(frontal_only, np.eye(3)).values).all()
    assert (nearest_other_view(frontal_only, np.eye(3)) == -1).all()


def test_a_report_that_says_the_same_counts_as_the_own_one() -> None:
    made = pairs(patients=3, visits=1)
    texts = ("a", "a", "b", "b", "a", "a")
    told = np.eye(3).repeat(2, axis=0)
    asked = np.eye(3)[[2, 1, 1]]  # the first patient's film finds the third one's report, which says the same
    assert view_to_report(made, made.frontal, asked, told, texts).values.tolist() == [1, 1, 0]
    assert view_to_report(made, made.frontal, asked, told, texts, k=3).value == 1.0


def test_a_probe_reads_what_is_linear_and_leaves_out_what_is_not_known() -> None:
    made = pairs(patients=10)
    features = np.column_stack((made.target[:, 0], np.random.default_rng(0).normal(size=len(made))))
    assert probed(("pleural effusion",), made, features, made, features).value == 1.0
    hidden = made.known.copy()
    hidden[:20, 0] = False
    part = replace(made, known=hidden)
    wrong = features.copy()
    wrong[:20, 0] = 1 - wrong[:20, 0]  # nonsense where nothing is known
    assert probed(("pleural effusion",), part, wrong, part, wrong).value == 1.0


def test_others_are_swapped_between_patients() -> None:
    made = pairs(visits=3)
    swap = others_of(made, seed=0)
    rows = made.frontal
    assert (made.patient[swap[rows]] != made.patient[rows]).all()
    assert (made.visit[swap[rows]] == made.visit[rows]).all()


def test_reports_become_entities_once_each() -> None:
    said = serialised(("No pleural effusion.", "", "Right pleural effusion.", "Xyzzy."))
    assert said == ("no pleural effusion", "", "right pleural effusion", "Xyzzy.")


def test_the_picture_is_one_sheet_of_films() -> None:
    made = pairs()
    found = {"arm": nearest_other_view(made, np.random.default_rng(0).normal(size=(len(made), 4)))}
    assert picture(made, found).startswith(b"\x89PNG")
