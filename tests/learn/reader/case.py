"""Studies and a tokenizer that the reader's tests share: films that are not square, facts with boxes, a dated prior."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace

import numpy as np
import pytest

from hilum.core.finding import Finding
from hilum.core.image import Image
from hilum.core.region import Box
from hilum.core.report import Report, Sentence
from hilum.core.study import Study

WIDE, HIGH = 90, 60  # columns and rows of a frontal film


def film(name: str, view: str = "PA", *, size: tuple[int, int] = (HIGH, WIDE), seed: int = 0) -> Image:
    return Image(np.random.default_rng(seed).random(size, dtype=np.float32), view=view, id=name)


def report(*sentences: tuple[str, tuple[str, ...]], **sections: str) -> Report:
    text, spans = "", []
    for words, ids in sentences:
        start = len(text) + bool(text)
        text = f"{text} {words}" if text else words
        spans.append(Sentence("findings", start, len(text), ids))
    return Report(findings=text, sentences=tuple(spans), **sections)


def study(name: str = "s2", *, patient: str = "p1", day: int = 9, prior: bool = True, lateral: bool = True) -> Study:
    """A study of a left effusion with a box, a denied pneumothorax and, where wanted, a prior."""
    front = film(f"{name}-pa", seed=day)
    effusion = Finding(
        "pleural effusion", sites=("left pleural space",), attributes={"severity": "mild"},
        change="worsened" if prior else None,
        regions=(Box(60, 40, 80, 55, image=front.id),), id="f1",
    )  # fmt: skip
    nodule = Finding("nodule", sites=("right upper lung zone",), regions=(Box(20, 5, 26, 11, image=front.id),), id="f3")
    facts = (effusion, Finding("pneumothorax", "absent", id="f2"), nodule)
    told = report(
        (f"There is a small left pleural effusion{', larger than before' if prior else ''}.", ("f1",)),
        ("No pneumothorax.", ("f2",)),
        ("A nodule is seen in the right upper lung zone.", ("f3",)),
        indication="Cough and fever.", technique="PA and lateral.", comparison="1 March 2020." if prior else "",
        impression="Small left pleural effusion. Right upper lung nodule.",
    )  # fmt: skip
    films = (front, film(f"{name}-ll", "LL", size=(HIGH, 70), seed=day + 1)) if lateral else (front,)
    before = replace(study("s1", patient=patient, day=2, prior=False), id=f"{name}-before") if prior else None
    return Study(
        name, patient, datetime(2020, 3, day, 10), films, told, facts, prior=before,
    )  # fmt: skip


def processor(texts: tuple[str, ...], control: tuple[str, ...], *, slots: int = 4) -> SimpleNamespace:
    """The project's tokenizer of whole words, and the number of tokens of a picture."""
    pytest.importorskip("transformers", reason="the reader's rows need a tokenizer (extra 'language')")
    from hilum.learn.reader.words import word_tokenizer

    return SimpleNamespace(tokenizer=word_tokenizer(texts, control), image_seq_length=slots)


def raw_processor(texts: tuple[str, ...], control: tuple[str, ...], *, slots: int = 4) -> SimpleNamespace:
    """A careless tokenizer: it splits at spaces alone, normalises, and holds its control tokens as plain words too."""
    transformers = pytest.importorskip("transformers", reason="the reader's rows need a tokenizer (extra 'language')")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    specials = ["<pad>", "<unk>", "<s>", "</s>", *control]
    words = sorted({word for text in texts for word in text.lower().split()} - set(specials))
    made = Tokenizer(models.WordLevel({word: n for n, word in enumerate([*specials, *words])}, unk_token="<unk>"))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=list(control),
    )  # fmt: skip
    return SimpleNamespace(tokenizer=tokenizer, image_seq_length=slots)
