"""Labels of films, an encoder that they teach, and features that are computed once."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from hilum.core.errors import InputError  # noqa: E402
from hilum.core.finding import Finding  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.core.study import Study  # noqa: E402
from hilum.learn.reader.encoder import label_encoder  # noqa: E402
from hilum.learn.reader.features import Features, film_pixels, image_key  # noqa: E402
from hilum.learn.reader.labels import asked_of, aspects  # noqa: E402
from hilum.nets.reader_processor import FilmProcessor  # noqa: E402
from hilum.nets.small_vision import VisionSize, small_vision  # noqa: E402

TINY = VisionSize(width=16, layers=2, size=32)


def film(bright: int, *, seed: int = 0, shape: tuple[int, int] = (40, 32), name: str = "") -> Image:
    """A noisy film with one bright quarter: 0 upper left, 1 upper right, 2 lower left, 3 lower right."""
    pixels = np.random.default_rng(seed).normal(0.3, 0.05, shape)
    rows, columns = shape[0] // 2, shape[1] // 2
    top, left = bright // 2 * rows, bright % 2 * columns
    pixels[top : top + rows, left : left + columns] += 0.5
    return Image(pixels, view="PA", id=name or f"{bright}-{seed}")


def made_studies(count: int) -> list[Study]:
    quarters = [number % 4 for number in range(count)]
    return [
        Study(f"s{number}", f"p{number}", images=(film(at, seed=number),), findings=(
            Finding("opacity", sites=("right" if at % 2 == 0 else "left",), attributes={"size": str(at // 2)}),
            Finding("nodule", "absent"),
        ))
        for number, at in enumerate(quarters)
    ]  # fmt: skip


def test_a_finding_answers_for_side_place_and_attribute():
    said = set(aspects(Finding("opacity", sites=("left lower lung zone",), attributes={"size": "2"})))
    assert said == {"opacity", "opacity, left", "opacity, size 2", "opacity, left, size 2",
                    "opacity, left lower lung zone", "opacity, left, left lower lung zone"}  # fmt: skip
    assert not list(aspects(Finding("opacity", "absent")))
    assert not list(aspects(Finding("opacity", "uncertain")))


def test_what_is_not_mentioned_is_unknown_and_not_no():
    studies = [Study("a", findings=(Finding("opacity"),)), Study("b", findings=(Finding("nodule", "absent"),))]
    asked = asked_of(studies, least=1)
    assert asked.names == ("opacity",)
    assert asked.target.tolist() == [[1.0], [0.0]]
    assert asked.known.tolist() == [[True], [False]]


def test_rare_questions_are_left_out_and_named_ones_kept():
    studies = made_studies(8)
    assert "opacity, left, size 1" not in asked_of(studies, least=3).names
    assert asked_of(studies, names=("opacity, left, size 1",)).target.sum() == 2
    with pytest.raises(InputError, match="no label to learn from"):
        asked_of(studies, least=9)


def test_an_encoder_tells_what_labels_taught_it(tmp_path):
    """A linear reading of the taught encoder finds the quarter in new films; kept weights are read back."""
    studies, told = made_studies(64), []
    encoder = label_encoder(studies, size=TINY, steps=60, folder=tmp_path, say=told.append)
    again = label_encoder(studies, size=TINY, steps=60, folder=tmp_path, say=told.append)
    assert len(told) == 1
    assert all(
        torch.equal(a, b) for a, b in zip(encoder.state_dict().values(), again.state_dict().values(), strict=True)
    )
    new = [film(number % 4, seed=1000 + number) for number in range(80)]
    seen = Features(encoder).of(new)[:, -1]
    pooled = torch.cat((seen.mean(1), seen.amax(1), torch.ones(80, 1)), 1).double()
    right = torch.tensor([number % 2 == 0 for number in range(80)]).double()
    weights = torch.linalg.lstsq(pooled[:40], right[:40] - 0.5, driver="gelsd").solution
    assert ((pooled[40:] @ weights > 0) == (right[40:] > 0.5)).double().mean() > 0.9
    assert not any(weight.requires_grad for weight in encoder.parameters())


def test_another_seed_or_length_is_another_encoder(tmp_path):
    studies = made_studies(12)
    first = label_encoder(studies, size=TINY, steps=2, folder=tmp_path)
    other = label_encoder(studies, size=TINY, steps=2, seed=1, folder=tmp_path)
    label_encoder(studies[:8], size=TINY, steps=2, folder=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 3
    assert not torch.equal(first.layers[0].linear1.weight, other.layers[0].linear1.weight)


def test_no_steps_leave_it_random_and_write_nothing(tmp_path):
    encoder = label_encoder([], size=TINY, steps=0, folder=tmp_path)
    torch.manual_seed(0)
    same = small_vision(TINY)
    assert torch.equal(encoder.layers[0].linear1.weight, same.layers[0].linear1.weight)
    assert not list(tmp_path.iterdir())


def test_nothing_to_learn_from_is_said(tmp_path):
    with pytest.raises(InputError, match="no film"):
        label_encoder([Study("a")], size=TINY, steps=2, folder=tmp_path)


def test_features_are_what_the_encoder_gives_of_each_film():
    encoder = small_vision(TINY)
    images = [film(0), film(3, shape=(30, 50)), film(1)]
    found = Features(encoder).of(images)
    films = FilmProcessor(size=32, channels=1, fit="letterbox")(images)["pixel_values"]
    direct = encoder(films).hidden_states
    assert found.shape == (3, 2, 4, 16)
    assert torch.allclose(found, torch.stack(direct[1:], 1), atol=1e-5)


def test_a_film_is_looked_at_once_and_told_by_its_picture():
    features = Features(small_vision(TINY))
    first, copy, blank = film(2), film(2, name="renamed"), Image(np.zeros((40, 32)), view="PA", id="2-0")
    assert image_key(first) == image_key(copy) != image_key(blank)
    before = features.of([first, copy, first])
    assert len(features) == 1
    after = features.of([blank, first])
    assert len(features) == 2
    assert torch.equal(before[0], after[1])
    assert not torch.allclose(after[0], after[1], atol=0.1)
    assert features.shape == (2, 4, 16)


def test_a_fork_begins_with_what_was_seen_and_goes_its_own_way():
    features = Features(small_vision(TINY))
    before = features.of([film(0)])
    fork = features.fork()
    assert torch.equal(fork.of([film(0)]), before)
    fork.of([film(1)])
    features.of([film(2), film(3)])
    assert (len(features), len(fork)) == (3, 2)
    assert torch.allclose(fork.of([film(2)]), features.of([film(2)]), atol=1e-6)


def test_another_process_gets_what_was_seen_as_one_tensor_that_stays_alive_here():
    features = Features(small_vision(TINY))
    images = [film(0), film(1), film(2)]
    before = features.of(images)
    handed = features.__getstate__()["_states"]
    memory = handed.untyped_storage().data_ptr()
    del handed  # a process that starts opens this memory by its file after pickling: it must not go with the pickle
    assert {each.untyped_storage().data_ptr() for each in features._states} == {memory}
    there = pickle.loads(pickle.dumps(features))
    assert len(there) == 3
    assert torch.equal(there.of(images), before)
    assert torch.equal(there.of([film(3), film(1)])[1], before[1])
    assert len(pickle.loads(pickle.dumps(Features(small_vision(TINY))))) == 0


def test_films_keep_their_shape_in_the_frame():
    square = film_pixels([film(0, shape=(40, 20))], 32)[0]
    assert square.shape == (32, 32)
    assert square.dtype == np.uint8
    assert not square[:, :8].any()
    assert not square[:, 24:].any()
    assert square[:, 8:24].any(axis=0).all()


def test_no_film_is_refused():
    with pytest.raises(InputError, match="no film"):
        Features(small_vision(TINY)).of([])
