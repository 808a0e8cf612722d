"""A policy small enough to know exactly: the next sentence by the kind of question and the last sentence alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

SENTENCES = ("There is a left pleural effusion.", "There is a right pneumothorax.", "Cardiomegaly.")
END = len(SENTENCES)
LONGEST = 12


class Bigrams(nn.Module):
    """Logits of the next sentence (or the end) by kind of question (its number modulo 2): (2, S + 1, S + 1)."""

    def __init__(self) -> None:
        super().__init__()
        start = torch.zeros(2, END + 1, END + 1)
        start[:, END, END] -= 4.0  # an empty report is rare
        self.logits = nn.Parameter(start)


def ids_of(text: str) -> list[int]:
    return [SENTENCES.index(f"{part}.") for part in (each.strip() for each in text.split(".")) if part]


def build(answers: Sequence[tuple[int, str]], *, left: bool = False) -> dict[str, Tensor]:
    """Questions (B,), words with their end (B, T) and which are words (B, T), padded on the right or on the left."""
    rows = [[*ids_of(text), END] for _, text in answers]
    widest = max(map(len, rows))
    words = torch.full((len(rows), widest), -1)
    for row, ids in zip(words, rows, strict=True):
        row[widest - len(ids) :] = torch.tensor(ids) if left else row[widest - len(ids) :]
        if not left:
            row[: len(ids)] = torch.tensor(ids)
    return {"question": torch.tensor([question for question, _ in answers]), "words": words, "place": words >= 0}


def logp(net: nn.Module, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    words, place = given["words"].clamp(min=0), given["place"]
    first = place & (place.cumsum(1) == 1)
    last = torch.where(first, END, words.roll(1, dims=1))
    logits = net.logits[given["question"][:, None] % 2, last].log_softmax(-1)
    return logits.gather(2, words[..., None])[..., 0] * place, place


@torch.no_grad()
def sampled(net: nn.Module, questions: int, count: int, seed: int) -> list[list[str]]:
    chance, random = net.logits.softmax(-1).numpy().astype(np.float64), np.random.default_rng(seed)
    made = []
    for question in range(questions):
        answers = []
        for _ in range(count):
            last, said = END, list[str]()
            while len(said) < LONGEST:
                row = chance[question % 2, last]
                last = int(random.choice(END + 1, p=row / row.sum()))
                if last == END:
                    break
                said.append(SENTENCES[last])
            answers.append(" ".join(said))
        made.append(answers)
    return made
