"""The reader's processor: films made square, prompts made long enough, answers read back."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image as Picture  # noqa: E402

from hilum.core.errors import InputError  # noqa: E402
from hilum.core.image import Image  # noqa: E402
from hilum.nets.reader_processor import FilmProcessor, flat, sentence_case  # noqa: E402

from .reader_case import FRONT, LATERAL, case, films  # noqa: E402


class TestProcessor:
    """Films made square and prompts made long enough."""

    def test_a_film_that_is_wide_is_padded_or_cut(self) -> None:
        film = np.zeros((20, 40), np.float32)
        film[:, 10:30] = 1.0
        boxed = FilmProcessor(size=16).film(film)
        assert boxed.shape == (1, 16, 16)
        assert float(boxed[0, :4].max()) == float(boxed[0, 12:].max()) == 0.0
        assert float(boxed[0, 8, 8]) == pytest.approx(1.0)
        cut = FilmProcessor(size=16, fit="crop", channels=3).film(film)
        assert cut.shape == (3, 16, 16)
        assert float(cut[:, 2:-2, 2:-2].min()) == pytest.approx(1.0)

    def test_values_are_normalised_bytes_are_shares(self) -> None:
        grey = np.full((8, 8), 51, np.uint8)
        made = FilmProcessor(size=8, mean=0.5, deviation=0.25).film(grey)
        assert float(made.mean()) == pytest.approx((0.2 - 0.5) / 0.25)
        coloured = np.stack([grey] * 3, -1)
        assert torch.allclose(FilmProcessor(size=8, mean=0.5, deviation=0.25).film(coloured), made)
        picture = FilmProcessor(size=8, mean=0.5, deviation=0.25).film(Picture.fromarray(grey))
        assert torch.allclose(picture, made)

    def test_our_own_images_are_shown_as_a_viewer_shows_them(self) -> None:
        pixels = np.arange(64, dtype=np.float32).reshape(8, 8)
        made = FilmProcessor(size=8).film(Image(pixels, view="PA", inverted=True))
        assert float(made[0, 0, 0]) == 1.0
        assert float(made[0, 7, 7]) == 0.0

    def test_lists_of_lists_are_taken_in_order(self) -> None:
        one, two, three = (np.full((4, 4), value, np.float32) for value in (0.1, 0.2, 0.3))
        assert [float(each.max()) for each in flat([[one], [two, three]])] == pytest.approx([0.1, 0.2, 0.3])
        made = FilmProcessor(size=4)([[one], [two, three]])["pixel_values"]
        assert made.mean((1, 2, 3)).tolist() == pytest.approx([0.1, 0.2, 0.3])

    @pytest.mark.parametrize(("wrong", "said"), [((2, 2, 2, 2), r"a film is \(H, W\)"), ((3,), r"a film is \(H, W\)")])
    def test_what_is_no_film_is_refused(self, wrong: tuple[int, ...], said: str) -> None:
        with pytest.raises(InputError, match=said):
            FilmProcessor(size=4).film(np.zeros(wrong, np.float32))
        with pytest.raises(InputError, match="by 'letterbox' or 'crop', got 'stretch'"):
            FilmProcessor(fit="stretch")  # type: ignore[arg-type]

    def test_processor_and_prompt_ids_agree(self) -> None:
        _, processor = case("mlp2")
        text = f"{FRONT}{LATERAL} findings? <answer>"
        made = processor(text=[text], images=list(films(2)[:, 0].numpy()), return_tensors="pt")
        assert tuple(made["input_ids"][0].tolist()) == processor.prompt_ids(text)
        assert made["pixel_values"].shape == (2, 1, 16, 16)
        torch.testing.assert_close(made["pixel_values"], films(2))

    def test_answers_keep_boxes_lose_control_and_gain_capitals(self) -> None:
        _, processor = case("mlp2")
        known = processor.tokenizer
        ids = known("<obj> the heart is large. no pneumothorax. </obj>")["input_ids"]
        text = processor.text_of([known.pad_token_id, known.bos_token_id, *ids, known.eos_token_id])
        assert text == "<obj> The heart is large. No pneumothorax. </obj>"
        assert "</s>" not in text
        assert "<pad>" not in text

    def test_sentence_case(self) -> None:
        assert sentence_case("no. it is 3.5 cm. (see above)") == "No. It is 3.5 cm. (See above)"
        assert sentence_case("") == ""
