"""The tagging loss by hand, batches of like length, and a network that learns ten sentences and survives ONNX."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs hilum[train]")

from hilum.core.errors import InputError  # noqa: E402
from hilum.learn.export import export_inputs  # noqa: E402
from hilum.learn.fit import Fit, fit  # noqa: E402
from hilum.learn.objectives.tag import POOL, batch_of, pair_targets, tag_batches, tag_loss, with_null  # noqa: E402
from hilum.learn.onnx import Session  # noqa: E402
from hilum.learn.spans import WIDEST, Entity, Tagged, decode, span_number  # noqa: E402
from hilum.learn.words import LETTERS, Vocabulary  # noqa: E402
from hilum.nets.spans import SpanOutput, SpanTagger, WordEncoder  # noqa: E402
from tests.learn.test_spans import SCHEMA, SENTENCE  # noqa: E402

P, A, N = "OBS-DP", "ANAT-DP", "OBS-DA"
TEN = [
    SENTENCE,
    Tagged(("no", "edema"), (Entity(1, 1, N),)),
    Tagged(("heart", "size", "normal"), (Entity(0, 0, A), Entity(1, 1, A), Entity(2, 2, P)),
           ((0, 1, "modify"), (2, 1, "located_at"))),
    Tagged(("clear", "lungs"), (Entity(0, 0, P), Entity(1, 1, A)), ((0, 1, "located_at"),)),
    Tagged(("no", "focal", "opacity"), (Entity(1, 1, N), Entity(2, 2, N)), ((1, 0, "modify"),)),
    Tagged(("soft", "tissue", "mass"), (Entity(0, 1, A), Entity(2, 2, P)), ((1, 0, "located_at"),)),
    Tagged(("possible", "pneumonia"), (Entity(1, 1, "OBS-U"),)),
    Tagged(("opacity", "suggesting", "edema"), (Entity(0, 0, P), Entity(2, 2, "OBS-U")), ((0, 1, "suggestive_of"),)),
    Tagged(("right", "lung", "mass"), (Entity(0, 0, A), Entity(1, 1, A), Entity(2, 2, P)),
           ((0, 1, "modify"), (2, 1, "located_at"))),
    Tagged(("comparison", "none")),
]  # fmt: skip
WORDS = Vocabulary.of((each.words for each in TEN), least=1)


def tagger(seed=0, **settings):
    torch.manual_seed(seed)
    encoder = WordEncoder(len(WORDS), LETTERS, width=32, embedding=16, drop=0.0, forget=0.0)
    return SpanTagger(encoder, labels=4, kinds=3, hidden=32, drop=0.0, keep=1.0, **settings)


def read(net, each):
    with torch.inference_mode():
        out = net.eval()(*(torch.from_numpy(part) for part in WORDS.code([each.words])))
    return decode(each.words, *(value[0].numpy() for value in out), SCHEMA)


class Fixed(torch.nn.Module):
    """A network that gives the scores it was made with."""

    def __init__(self, out):
        super().__init__()
        self.out = out

    def forward(self, *inputs):
        return self.out


def test_the_loss_by_hand():
    entities = torch.zeros(1, 2 * WIDEST, 1)
    entities[0, 0, 0], entities[0, 1, 0] = 2.0, -100.0
    entities[0, 2:, 0] = -100.0
    relations = torch.full((1, 2, 2, 1), -100.0)
    relations[0, 0, 1, 0] = 1.0
    out = SpanOutput(entities, torch.tensor([[0, WIDEST]]), relations)
    batch = batch_of([TEN[3]], WORDS.code, SCHEMA)._replace(
        labels=torch.tensor([[1] + [0] * (2 * WIDEST - 1)]), relations=torch.tensor([[0, 0, WIDEST, 1]])
    )
    loss, parts = tag_loss(entity=0.2, relation=1.0)(Fixed(out), batch)
    span, pair = math.log(1 + math.exp(-2)), math.log(1 + math.exp(-1))
    assert parts["entity"] == pytest.approx(span, rel=1e-5)
    assert parts["relation"] == pytest.approx(pair, rel=1e-5)
    assert parts["kept"] == 1.0
    assert float(loss) == pytest.approx(0.2 * span + pair, rel=1e-5)


def test_null_stands_in_front_at_zero():
    assert with_null(torch.tensor([[3.0, -1.0]])).tolist() == [[0.0, 3.0, -1.0]]


def test_a_relation_whose_end_was_pruned_is_not_asked_for():
    kept = torch.tensor([[8, 0, -1], [16, -1, -1]])
    links = torch.tensor([[0, 0, 8, 2], [0, 0, 16, 1], [1, 16, 8, 3]])
    target = pair_targets(kept, links, 24)
    assert target.shape == (2, 3, 3)
    assert target[0].tolist() == [[0, 0, 0], [2, 0, 0], [0, 0, 0]]
    assert target[1].sum() == 0


def test_a_batch_holds_what_the_sentences_say():
    batch = batch_of([TEN[1], TEN[5]], WORDS.code, SCHEMA)
    assert batch.inputs[0].tolist() == [2, 3]
    told = {tuple(place): int(batch.labels[tuple(place)]) for place in batch.labels.nonzero().tolist()}
    assert told == {(0, span_number(1, 1)): 3, (1, span_number(0, 1)): 1, (1, span_number(2, 2)): 2}
    assert batch.relations.tolist() == [[1, span_number(2, 2), span_number(0, 1), 2]]
    assert batch_of([TEN[1]], WORDS.code, SCHEMA).relations.shape == (0, 4)
    with pytest.raises(InputError, match="9 words"):
        batch_of([Tagged(tuple("abcdefghi"), (Entity(0, 8, P),))], WORDS.code, SCHEMA)


def test_batches_depend_on_seed_and_step_and_hold_like_lengths():
    longer = [Tagged(("lungs",) * (3 + number)) for number in range(40)]
    groups = ["ten"] * len(TEN) + ["long"] * len(longer)
    shares = {"ten": 0.5, "long": 0.5}
    make = tag_batches(TEN + longer, groups, shares, WORDS.code, SCHEMA, size=5, seed=1)
    again = tag_batches(TEN + longer, groups, shares, WORDS.code, SCHEMA, size=5, seed=1)
    other = tag_batches(TEN + longer, groups, shares, WORDS.code, SCHEMA, size=5, seed=2)
    spread, drawn = [], []
    for step in range(POOL):
        lengths = make(step).inputs[0]
        assert torch.equal(lengths, again(step).inputs[0])
        spread.append(int(lengths.max() - lengths.min()))
        drawn += lengths.tolist()
    assert len(drawn) == 5 * POOL
    assert np.mean(spread) < (max(drawn) - min(drawn)) / 2
    assert any(not torch.equal(make(s).inputs[1], other(s).inputs[1]) for s in range(POOL))


@pytest.fixture(scope="module")
def learnt():
    net, seen = tagger(), []
    made = batch_of(TEN, WORDS.code, SCHEMA)
    spec = Fit(steps=200, rate=1e-2, average=0.5, bf16=False, log_every=20)
    fit(net, lambda step: made, tag_loss(), spec, seed=0, progress=lambda step, row: seen.append(row["loss"]))
    return net, seen


def test_the_loss_falls_and_ten_sentences_are_learnt_by_heart(learnt):
    net, losses = learnt
    assert losses[-1] < losses[0] / 20
    assert [read(net, each) for each in TEN] == TEN


def test_the_same_seed_gives_the_same_weights():
    made = batch_of(TEN, WORDS.code, SCHEMA)
    spec = Fit(steps=3, bf16=False)
    nets = [fit(tagger(seed), lambda step: made, tag_loss(), spec, seed=seed) for seed in (4, 4, 5)]
    one, two, three = (torch.cat([p.flatten() for p in net.parameters()]) for net in nets)
    assert torch.equal(one, two)
    assert not torch.equal(one, three)


def test_without_a_pair_head_entities_are_still_learnt():
    net = tagger(pairs=False)
    made = batch_of(TEN, WORDS.code, SCHEMA)
    fit(net, lambda step: made, tag_loss(), Fit(steps=80, rate=1e-2, average=0.5, bf16=False), seed=0)
    found = [read(net, each) for each in TEN]
    assert [each.entities for each in found] == [each.entities for each in TEN]
    assert all(each.relations == () for each in found)


def test_the_onnx_file_says_what_the_network_says(learnt, tmp_path):
    net, _ = learnt
    names = ("lengths", "words", "letters")

    def given(sentences):
        return dict(zip(names, (torch.from_numpy(part) for part in WORDS.code(sentences)), strict=True))

    batch, length = torch.export.Dim("batch", min=1, max=64), torch.export.Dim("length", min=2, max=256)
    path = tmp_path / "tagger.onnx"
    gap = export_inputs(
        net, path, inputs=given([TEN[0].words, TEN[2].words]), probe=given([each.words for each in TEN[2:7]]),
        dynamic={"lengths": {0: batch}, "words": {0: batch, 1: length}, "letters": {0: batch, 1: length}},
        names=SpanOutput._fields, tolerance=1e-6, traced=True,
    )  # fmt: skip
    assert gap <= 1e-6
    session = Session(path, threads=1)
    for each in [*TEN, Tagged(("mass",)), Tagged(("no", "mass", "in", "lungs") * 9)]:
        coded = WORDS.code([each.words])
        found = session.run(coded._asdict())
        assert decode(each.words, *(found[name][0] for name in SpanOutput._fields), SCHEMA) == read(net, each)
