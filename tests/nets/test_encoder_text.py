"""Text encoders by name: the same numbers as transformers' own forward, pooling, padding and tokenizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from hilum.core.errors import InputError, MissingError  # noqa: E402
from hilum.nets.encoder_text import PADDED_BY_ONE, SPECIAL, ProjectionHead, coder_of  # noqa: E402
from hilum.nets.encoders import text_encoder  # noqa: E402
from hilum.nets.towers import Told  # noqa: E402
from tests.nets.encoders import TEXT, WORDS, shorn  # noqa: E402

TEXTS = ("There is a small right pleural effusion.", "No pneumothorax", "the heart")
CASES = ("bert", "mpnet", "distilbert", "clip-text", "siglip-text")


@pytest.fixture(autouse=True)
def _no_gradients() -> Any:
    with torch.no_grad():
        yield


def started(name: str, **more: Any) -> Any:
    torch.manual_seed(sum(map(ord, name)))
    return text_encoder(name, weights="random", config=TEXT.get(name, TEXT["bert"]), vocabulary=WORDS, **more)


def saved(name: str, folder: Path) -> Any:
    """A small model and its tokenizer, saved by transformers."""
    encoder, coder = started(name)
    encoder.model.save_pretrained(folder)
    coder.tokenizer.save_pretrained(folder)
    return encoder, coder


@pytest.mark.parametrize("name", CASES)
def test_a_saved_model_gives_what_transformers_gives(name: str, tmp_path: Path) -> None:
    first, _ = saved(name, tmp_path)
    encoder, coder = text_encoder(name, weights=tmp_path)
    ids, mask = coder.code(TEXTS)
    told = encoder(ids, mask)
    assert isinstance(told, Told)
    assert told.words.shape == (3, ids.shape[1], 32)
    padded = None if name == "siglip-text" else mask.long()
    theirs = first.model(input_ids=ids, attention_mask=padded)
    torch.testing.assert_close(told.words, theirs.last_hidden_state)
    if name in ("clip-text", "siglip-text"):
        torch.testing.assert_close(told.pooled, theirs.pooler_output)
    elif name == "mpnet":
        by_hand = torch.stack([row[keep].mean(dim=0) for row, keep in zip(told.words, mask, strict=True)])
        torch.testing.assert_close(told.pooled, by_hand)
    else:
        torch.testing.assert_close(told.pooled, told.words[:, 0])


@pytest.mark.parametrize("name", [each for each in CASES if each != "siglip-text"])
def test_padding_changes_nothing(name: str) -> None:
    encoder, coder = started(name)
    together = encoder(*coder.code(TEXTS))
    alone = encoder(*coder.code(TEXTS[1:2]))
    torch.testing.assert_close(together.pooled[1], alone.pooled[0], atol=1e-5, rtol=1e-4)


def test_siglip_is_always_padded_to_its_length() -> None:
    encoder, coder = started("siglip-text")
    ids, mask = coder.code(TEXTS, longest=8)
    assert ids.shape == (3, 64)
    assert mask.sum(dim=1).tolist() == [10, 4, 4]
    one, two = encoder(ids, mask), encoder(ids, torch.ones_like(mask))
    assert torch.equal(one.pooled, two.pooled)  # it was taught with the padding in view


@pytest.mark.parametrize("pad", [SPECIAL, PADDED_BY_ONE])
def test_a_vocabulary_of_words_is_read_as_bert_reads(pad: tuple[str, ...]) -> None:
    coder = coder_of(["Heart", "##s", "large", "heart"], longest=6, special=pad)
    assert len(coder) == 8
    ids, mask = coder.code(["LARGE hearts, zebra", "heart"])
    words = [[coder.tokenizer.convert_ids_to_tokens(int(n)) for n in row] for row in ids]
    assert words[0] == ["[CLS]", "large", "heart", "##s", "[UNK]", "[SEP]"]  # cut at six
    assert words[1] == ["[CLS]", "heart", "[SEP]", "[PAD]", "[PAD]", "[PAD]"]
    assert mask.tolist() == [[True] * 6, [True] * 3 + [False] * 3]
    assert ids[1, 3] == pad.index("[PAD]")


@pytest.mark.parametrize(("asked", "length"), [(None, 64), (5, 5), (500, 64)])
def test_texts_are_cut_at_the_encoders_limit(asked: int | None, length: int) -> None:
    encoder, coder = started("bert")
    ids, mask = coder.code(["effusion " * 200], longest=asked)
    assert ids.shape == (1, length)
    assert encoder(ids, mask).words.shape == (1, length, 32)


def test_mpnets_positions_leave_room_for_two() -> None:
    encoder, coder = started("mpnet")
    ids, mask = coder.code(["effusion " * 200])
    assert ids.shape == (1, 62)
    assert torch.isfinite(encoder(ids, mask).pooled).all()


def test_cxr_bert_comes_with_its_head(tmp_path: Path) -> None:
    """Saved as its authors do: a BERT below 'bert.', the head beside it, a model type that transformers ignores."""
    from safetensors.torch import load_file, save_file

    encoder, _ = saved("bert", tmp_path)
    torch.manual_seed(3)
    head = ProjectionHead(32, 12)
    held = {f"bert.{name}": value for name, value in load_file(tmp_path / "model.safetensors").items()}
    held |= {f"cls_projection_head.{name}": value for name, value in head.state_dict().items()}
    held["cls.predictions.bias"] = torch.zeros(3)
    save_file(held, tmp_path / "model.safetensors", metadata={"format": "pt"})
    told = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**told, "model_type": "cxr-bert", "projection_size": 12}))

    projected, coder = text_encoder("cxr-bert-specialized", weights=tmp_path, project=True)
    ids, mask = coder.code(TEXTS)
    first = encoder(ids, mask)
    dense = torch.nn.functional.gelu(head.dense_to_hidden(first.pooled))
    centred = dense - dense.mean(dim=1, keepdim=True)  # the head's layer norm, whose weights are still 1 and 0
    expected = head.dense_to_output(centred / centred.square().mean(dim=1, keepdim=True).sqrt())
    assert projected.width == 12
    torch.testing.assert_close(projected(ids, mask).pooled, expected, atol=2e-5, rtol=1e-4)
    plain, _ = text_encoder("cxr-bert-specialized", weights=tmp_path)
    torch.testing.assert_close(plain(ids, mask).pooled, first.pooled)
    shorn(tmp_path / "model.safetensors", "cls_projection_head.LayerNorm.bias", lambda held: None)
    with pytest.raises(InputError, match=r"'LayerNorm.bias' is missing"):
        text_encoder("cxr-bert-specialized", weights=tmp_path, project=True)


def test_clips_texts_reach_the_space_of_its_films(tmp_path: Path) -> None:
    encoder, coder = started("clip-text")
    config = transformers.CLIPTextConfig(**{**encoder.model.config.to_dict(), "projection_dim": 10})
    torch.manual_seed(5)
    net = transformers.CLIPTextModelWithProjection(config).eval()
    net.save_pretrained(tmp_path)
    coder.tokenizer.save_pretrained(tmp_path)
    projected, coder = text_encoder("clip-text", weights=tmp_path, project=True)
    ids, mask = coder.code(TEXTS)
    told = projected(ids, mask)
    torch.testing.assert_close(told.pooled, net(input_ids=ids, attention_mask=mask.long()).text_embeds)
    assert told.words.shape == (3, ids.shape[1], 10)


def test_a_folder_with_a_word_list_alone_is_read(tmp_path: Path) -> None:
    """Med-KEBERT and older BERTs ship vocab.txt."""
    encoder, coder = started("bert")
    encoder.model.save_pretrained(tmp_path)
    words = [coder.tokenizer.convert_ids_to_tokens(number) for number in range(len(coder))]
    (tmp_path / "vocab.txt").write_text("\n".join(words) + "\n")
    _, second = text_encoder("med-kebert", weights=tmp_path)
    ids, _ = second.code(TEXTS)
    assert torch.equal(ids, coder.code(TEXTS)[0])


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HILUM_WEIGHTS", raising=False)
    with pytest.raises(MissingError, match="give vocabulary="):
        text_encoder("bert")
    with pytest.raises(MissingError, match=r"sentence-transformers/all-mpnet-base-v2 .*Apache-2.0"):
        text_encoder("all-mpnet-base-v2")
    encoder, coder = started("bert")
    encoder.model.save_pretrained(tmp_path)
    with pytest.raises(MissingError, match="needs its tokenizer"):
        text_encoder("bert", weights=tmp_path)
    with pytest.raises(InputError, match="did you mean cxr-bert-specialized"):
        text_encoder("cxr-bert-specialised")
    with pytest.raises(InputError, match="no space that films and texts share"):
        text_encoder("bert", weights="random", vocabulary=WORDS, project=True)
    with pytest.raises(InputError, match="there is no text"):
        coder.code([])
