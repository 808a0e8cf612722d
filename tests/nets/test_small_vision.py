"""The small vision model: shapes, every layer's states, saving, what it refuses."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
from hilum.core.errors import InputError  # noqa: E402
from hilum.nets.small_vision import SmallVision, VisionSize, small_vision  # noqa: E402

SMALL = VisionSize(width=32, layers=3, size=48)


def test_gives_a_state_of_every_layer():
    seen = small_vision(SMALL).eval()(torch.rand(2, 1, 48, 48))
    assert [tuple(state.shape) for state in seen.hidden_states] == [(2, 9, 32)] * 4
    assert torch.equal(seen.last_hidden_state, seen.hidden_states[-1])
    assert torch.allclose(seen.pooler_output, seen.last_hidden_state.mean(1))


def test_states_are_normalised_and_differ():
    seen = small_vision(SMALL).eval()(torch.rand(2, 1, 48, 48))
    for state in seen.hidden_states:
        assert torch.allclose(state.mean(-1), torch.zeros(2, 9), atol=1e-5)
        assert torch.allclose(state.var(-1, unbiased=False), torch.ones(2, 9), atol=1e-2)
    assert not torch.allclose(seen.hidden_states[1], seen.hidden_states[2], atol=0.01)


def test_a_film_does_not_depend_on_the_others_of_its_batch():
    net, films = small_vision(SMALL).eval(), torch.rand(3, 1, 48, 48)
    assert torch.allclose(net(films).last_hidden_state[1:2], net(films[1:2]).last_hidden_state, atol=1e-5)


def test_is_read_back_by_the_automatic_class(tmp_path):
    from transformers import AutoModel

    net, films = small_vision(SMALL).eval(), torch.rand(2, 1, 48, 48)
    net.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert isinstance(again, SmallVision)
    assert torch.equal(again(films).last_hidden_state, net(films).last_hidden_state)


def test_refuses_colour_and_sizes_that_do_not_divide():
    with pytest.raises(InputError, match="expected films"):
        small_vision(SMALL)(torch.rand(2, 3, 48, 48))
    with pytest.raises(InputError, match="whole number of patches"):
        small_vision(VisionSize(size=50))
