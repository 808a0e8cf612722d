"""Training a small reader: tables of rows, batches of like length, films as features or as pixels, saving, resuming."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.learn.decode import Decoding  # noqa: E402
from hilum.learn.objectives.write import IGNORED  # noqa: E402
from hilum.learn.reader.features import Features  # noqa: E402
from hilum.learn.reader.layout import row_of  # noqa: E402
from hilum.learn.reader.train import (  # noqa: E402
    BLOCK,
    Table,
    made_small,
    seen_batch,
    small_spec,
    train_reader,
    word_loss,
)
from hilum.learn.reader.trained import Trained  # noqa: E402
from tests.learn.reader.lab_case import TINY, features, preset, samples, studies  # noqa: E402


@pytest.fixture(scope="module")
def libra():
    """Libra's preset, its samples and an untrained reader."""
    how = preset()
    some = samples(how)
    return how, some, made_small(some, how, features(), size=TINY)


def test_a_batch_is_padded_on_the_right_and_keeps_every_row(libra):
    how, some, made = libra
    table = Table(some, how, made.processor)
    batch = table.batch([0, 3, 1])
    for at, row in enumerate((0, 3, 1)):
        ids, labels, _ = row_of(some[row], how, made.processor)
        assert batch["input_ids"][at, : len(ids)].tolist() == ids
        assert batch["labels"][at, : len(ids)].tolist() == labels
        assert batch["attention_mask"][at].sum() == len(ids)
        assert (batch["input_ids"][at, len(ids) :] == made.processor.tokenizer.pad_token_id).all()
        assert (batch["labels"][at, len(ids) :] == IGNORED).all()
    assert len(batch["films"]) == sum(len(table.films[row]) for row in (0, 3, 1))


def test_rows_of_a_step_are_of_like_length_and_depend_on_the_step_alone(libra):
    how, some, made = libra
    table = Table(some * 6, how, made.processor)
    lengths = np.array([len(ids) for ids in table.ids])
    blocks = [[table.drawn(step, 8, seed=1) for step in range(BLOCK)] for _ in range(2)]
    assert blocks[0] == blocks[1]
    spread = np.mean([np.ptp(lengths[rows]) for rows in blocks[0]])
    assert spread < 0.5 * np.ptp(lengths)
    means = [lengths[rows].mean() for rows in blocks[0]]
    assert means != sorted(means)
    assert table.drawn(0, 8, seed=2) != blocks[0][0]


def test_samples_that_weigh_nothing_are_not_drawn(libra):
    how, some, made = libra
    table = Table(some, how, made.processor)
    share = np.zeros(len(some))
    share[2] = 1.0
    assert set(table.drawn(5, 16, seed=0, share=share)) == {2}


def test_features_and_pixels_give_the_same_loss(libra):
    """What a frozen encoder saw before is worth as much as looking again."""
    how, some, made = libra
    table = Table(some, how, made.processor)
    made.reader.eval()
    with torch.no_grad():
        seen = word_loss(made.reader, seen_batch(table.batch([0, 1, 2]), made, features()))[0]
        looked = word_loss(made.reader, seen_batch(table.batch([0, 1, 2]), made, None))[0]
    assert seen == pytest.approx(float(looked), abs=1e-5)


def test_only_answers_are_learned(libra):
    """The loss is that of the answer's words, computed here one place at a time."""
    how, some, made = libra
    made.reader.eval()
    batch = seen_batch(Table(some, how, made.processor).batch([1]), made, features())
    with torch.no_grad():
        loss = float(word_loss(made.reader, dict(batch))[0])
        logits = made.reader(**{name: each for name, each in batch.items() if name != "labels"}).logits[0]
    labels = batch["labels"][0]
    each = [-logits[at - 1].log_softmax(-1)[labels[at]] for at in range(1, len(labels)) if labels[at] != IGNORED]
    assert loss == pytest.approx(float(torch.stack(each).mean()), abs=1e-5)
    assert labels[-1] == made.processor.tokenizer.eos_token_id


@pytest.mark.slow
def test_a_reader_learns_its_samples_and_the_encoder_stays(libra):
    how, some, _ = libra
    few = some[:3]
    before = {name: each.clone() for name, each in features().encoder.state_dict().items()}
    losses = []
    spec = small_spec(240, rate=1e-2)
    reader = train_reader(few, how, features=features(), fit_spec=spec, seed=0, size=TINY, batch=6, say=losses.append)
    answers = reader.write(few, decoding=Decoding(longest=60))
    told = [" ".join(answer.lower().split()) for answer in answers]
    assert told == [" ".join(sample.target.lower().split()) for sample in few]
    assert losses[-1].startswith("step 240 of 240: loss")
    assert all(torch.equal(before[name], each) for name, each in reader.reader.model.vision_tower.state_dict().items())
    options = [[sample.target, some[5].target] for sample in few]
    liked = reader.likelihood(few, options)
    assert (liked[:, 0] > liked[:, 1]).all()


def test_the_same_seed_gives_the_same_reader(libra):
    how, some, _ = libra
    runs = [train_reader(some, how, features=features(), fit_spec=small_spec(3), seed=seed, size=TINY, batch=4)
            for seed in (0, 0, 1)]  # fmt: skip
    weights = [run.reader.lm_head.weight for run in runs]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_going_on_is_as_if_never_stopped(libra, tmp_path):
    how, some, _ = libra
    spec = replace(small_spec(6), save_every=3)

    def run(steps, folder, resume=False):
        return train_reader(some, how, features=features(), fit_spec=replace(spec, steps=steps), seed=0, size=TINY,
                            batch=4, folder=folder, resume=resume)  # fmt: skip

    whole = run(6, tmp_path / "whole")

    class _StopError(Exception): ...

    def stop(line):
        raise _StopError

    with pytest.raises(_StopError):
        train_reader(some, how, features=features(), fit_spec=replace(spec, log_every=4), seed=0, size=TINY, batch=4,
                     folder=tmp_path / "cut", say=stop)  # fmt: skip
    again = run(6, tmp_path / "cut", resume=True)
    assert torch.equal(whole.reader.lm_head.weight, again.reader.lm_head.weight)


def test_a_reader_is_saved_and_read_back(libra, tmp_path):
    how, some, made = libra
    reader = Trained(made.reader, made.processor, how, features())
    again = Trained.load(reader.save(tmp_path / "reader", system="libra", seed=7))
    assert again.card["system"] == "libra"
    assert again.preset == how
    assert not list(tmp_path.rglob("*.bin"))
    decoding = Decoding(longest=8)
    assert again.write(some[:3], decoding=decoding) == reader.write(some[:3], decoding=decoding)
    assert isinstance(again.features, Features)


def test_a_folder_without_a_reader_is_named(tmp_path):
    with pytest.raises(MissingError, match="holds no reader"):
        Trained.load(tmp_path)
    (tmp_path / "reader.json").write_text("{", encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        Trained.load(tmp_path)


def test_nothing_to_learn_from_and_no_encoder_are_said(libra):
    how, some, made = libra
    with pytest.raises(InputError, match="needs samples"):
        Table([], how, made.processor)
    with pytest.raises(InputError, match="frozen encoder"):
        train_reader(some, how, features=None, fit_spec=small_spec(1), seed=0)
    with pytest.raises(InputError, match="compares options"):
        Trained(made.reader, made.processor, how).likelihood(some[:1])


def test_decoding_is_the_presets_unless_another_is_given(libra):
    how, some, made = libra
    reader = Trained(made.reader, made.processor, how, features())
    assert reader.decoding().longest == 12
    assert reader.decoding(longest=3).longest == 3
    assert all(len(each.tokens) <= 3 for each in reader.written(some[:2], decoding=Decoding(longest=3)))
    assert reader.write([]) == []


def test_prompts_hold_the_films_of_their_samples(libra):
    how, some, made = libra
    rows = Trained(made.reader, made.processor, how, features()).rows(some)
    slot = made.processor.image_seq_length
    image = made.processor.image_token_id
    for row in rows:
        assert row.ids.count(image) == slot * len(row.films)
    with_prior = [study.prior is not None for study in studies()]
    assert all(len(row.films) == 2 for row in rows)  # Libra shows the current film again where there is no prior
    assert any(with_prior)
    assert not all(with_prior)
