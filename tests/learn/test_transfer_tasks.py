"""Drawing and writing from an encoder: what is learnt on tiny films, frozen and tuned."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.pairs import Pairs  # noqa: E402
from hilum.learn.transfer import Tuning  # noqa: E402
from hilum.learn.transfer_masks import Drawer, Marked, drawn, learn_to_draw, mean_dice, stages  # noqa: E402
from hilum.learn.transfer_reports import learn_to_write, report_loss, write_reports  # noqa: E402
from hilum.learn.wording import Wording  # noqa: E402
from hilum.nets.towers import SmallImage  # noqa: E402


def encoder(seed: int = 0) -> SmallImage:
    torch.manual_seed(seed)
    return SmallImage(16, stride=16, channels=(4, 8))


def squares(count: int, seed: int) -> Marked:
    """Films with a bright square, which is the region of the first finding; the second is not there."""
    rng = np.random.default_rng(seed)
    films, masks = rng.integers(0, 100, (count, 64, 64)).astype(np.uint8), np.zeros((count, 2, 64, 64), bool)
    for at in range(count):
        y, x = rng.integers(0, 32, 2)
        films[at, y : y + 32, x : x + 32] += 140
        masks[at, 0, y : y + 32, x : x + 32] = True
    return Marked(films, masks, np.ones((count, 2), bool))


def test_stages_are_the_encoders_own_and_the_last_one_is_its_patches() -> None:
    net, film = encoder(), torch.rand(2, 1, 64, 64)
    maps = stages(net, film)
    assert [each.shape[1] for each in maps] == [8, 16, 16]
    plain = SmallImage(16, stride=16, channels=(4, 8), place=False)
    plain.load_state_dict(net.state_dict())
    torch.testing.assert_close(maps[-1].flatten(2).transpose(1, 2), plain(film).patches)


def test_dice_is_of_regions_that_are_there() -> None:
    marked = squares(2, 0)
    logits = np.where(marked.masks, 1.0, -1.0)
    assert mean_dice(logits, marked) == 1.0
    logits[0, 0] = -1.0
    assert mean_dice(logits, marked) == 0.5
    logits[:, 1] = 1.0  # drawn where the finding is not: no region, no Dice
    assert mean_dice(logits, marked) == 0.5
    assert np.isnan(mean_dice(logits, Marked(marked.films, marked.masks & False, marked.known)))


@pytest.mark.parametrize("frozen", [True, False])
def test_squares_are_drawn_and_a_frozen_encoder_stays(frozen: bool) -> None:
    start = encoder()
    how = Tuning(rate=1e-2, steps=40, batch=8, check_every=20, frozen=frozen)
    net, best = learn_to_draw(start, squares(24, 0), squares(8, 1), how, width=8)
    assert best > 0.7
    test = squares(8, 2)
    assert mean_dice(drawn(net, test.films), test) > 0.65
    same = all(torch.equal(a, b) for a, b in zip(start.parameters(), net.encoder.parameters(), strict=True))
    assert same == frozen
    assert Drawer(start, 2, width=8)(torch.rand(2, 1, 64, 64)).shape == (2, 2, 64, 64)


def pairs() -> Pairs:
    """Three films: a region, a finding known not to be there, and one that is not known."""
    text, count = np.array(["a", "b", "c"]), 3
    target = np.array([[1.0], [0.0], [1.0]], np.float32)
    drawn_on = np.array([[True], [False], [False]])
    bits = np.packbits(np.ones((count, 1, 8, 8), bool) & drawn_on[..., None, None], axis=-1)
    return Pairs(
        np.zeros((count, 8, 8), np.uint8), text, text, text, text, text, np.zeros(count, np.int32), ("",) * 3,
        ("",) * 3, ((),) * 3, ("mass",), target, np.ones((count, 1), bool), drawn_on, bits,
        np.zeros((count, 1), np.int8),
    )  # fmt: skip


def test_only_films_with_a_region_are_drawn_from() -> None:
    marked = Marked.of(pairs(), ("mass",))
    assert marked.masks.shape == (1, 1, 8, 8)
    assert marked.masks.all()
    assert marked.known.all()
    with pytest.raises(InputError, match="no film has a region of mass"):
        Marked.of(pairs().take(np.array([1, 2])), ("mass",))


def test_a_report_is_written_from_what_its_film_shows() -> None:
    texts = ["no effusion.", "large right effusion."] * 10
    wording = Wording.of(texts)
    patches = torch.eye(2).repeat(10, 1)[:, None].repeat(1, 3, 8) + 0.05 * torch.randn(20, 3, 16)
    how = Tuning(rate=1e-2, steps=60, batch=10, check_every=20)
    net, best = learn_to_write((patches[:14], patches[14:]), (texts[:14], texts[14:]), wording, how, longest=8)
    assert best > -0.2
    written = write_reports(net, patches[14:], wording)
    assert written == ["No effusion.", "Large right effusion."] * 3
    ids, mask = wording.code(texts[:1])
    assert float(report_loss(net, patches[:1], ids, mask).detach()) < 0.2
    with pytest.raises(InputError, match="no film has a report"):
        learn_to_write((patches, patches), (texts, [""] * 20), wording, how)
