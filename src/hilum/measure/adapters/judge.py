"""A language model of this machine that judges a pair of reports: one prompt, one answer, always the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from hilum.core.errors import InputError
from hilum.measure.adapters.language import PACKAGES, Language, load_language
from hilum.measure.adapters.weights import Source, load
from hilum.measure.metric import UnscoredError
from hilum.measure.pairs import ReportPairs, texts, unanswered
from hilum.measure.scored import Scored, averaged, signature

Layout = Literal["chat", "green"]
_FILES = ("prompt.txt", "system.txt")
_PLACES = ("{reference}", "{answer}")


@dataclass(frozen=True)
class Prompt:
    """What the judge is asked.

    Args:
        text: with {reference} and {answer}, where the two reports go.
        system: what the model is told of its part first; none where it is empty.
        origin: 'hilum' for our own words, else 'file' and the first digits of its SHA-256.
    """

    text: str
    system: str = ""
    origin: str = "hilum"

    def about(self, reference: str, answer: str) -> str:
        """Return the prompt for one pair; what looks like a place in a report is left as it is."""
        before, rest = self.text.split(_PLACES[0], 1)
        between, after = rest.split(_PLACES[1], 1)
        return f"{before}{reference}{between}{answer}{after}"


@dataclass(frozen=True, eq=False)
class Judge:
    """A causal language model with its prompt.

    Args:
        language: model and tokenizer.
        prompt: see `Prompt`.
        layout: 'chat' for the tokenizer's own chat template, 'green' for the turns as GREEN's code writes them.
        longest: tokens of prompt and answer together where `whole`, else of the answer.
        whole: what `longest` limits.
    """

    language: Language
    prompt: Prompt
    layout: Layout
    longest: int
    whole: bool

    @property
    def said(self) -> dict[str, object]:
        """What a signature says of it."""
        kind = str(self.language.model.dtype).removeprefix("torch.")
        told = {"prompt": self.prompt.origin, "decoding": "greedy", "device": self.language.device, "dtype": kind}
        return {**self.language.weights.said(*PACKAGES), **told}

    def say(self, reference: str, answer: str) -> str:
        """Return the model's answer about one pair; '' where the prompt leaves no room for one.

        Raises:
            InputError: if the folder's tokenizer has no chat template.
        """
        import torch

        ids = self._ids(self.prompt.about(reference, answer))
        room = self.longest - len(ids) if self.whole else self.longest
        if room <= 0:
            return ""
        tokenizer, given = self.language.tokenizer, torch.tensor([ids], device=self.language.device)
        with torch.inference_mode():
            out = self.language.model.generate(
                input_ids=given, attention_mask=torch.ones_like(given), max_new_tokens=room, do_sample=False,
                num_beams=1, temperature=None, top_p=None, top_k=None,
                pad_token_id=tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id,
            )  # fmt: skip
        return str(tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True)).strip()

    def _ids(self, text: str) -> list[int]:
        tokenizer = self.language.tokenizer
        if self.layout == "green":
            end = tokenizer.eos_token
            # GREEN's code sends an empty turn of the assistant, then opens another, and ends its input with </s>
            ids = tokenizer(f"<|user|>\n{text}{end}\n<|assistant|>\n{end}\n<|assistant|>\n")["input_ids"]
            return list(ids) if ids[-1] == tokenizer.eos_token_id else [*ids, tokenizer.eos_token_id]
        if not tokenizer.chat_template:
            raise InputError(f"the tokenizer in {self.language.weights.root} has no chat template to put a prompt in")
        system = [{"role": "system", "content": self.prompt.system}] if self.prompt.system else []
        turns = [*system, {"role": "user", "content": text}]
        made: Any = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
        return list(tokenizer(made, add_special_tokens=False)["input_ids"])


def load_judge(
    metric: str, source: Source, prompt: Prompt, layout: Layout, longest: int, *, whole: bool,
    weights: str | Path | None = None, device: str = "cpu",
) -> Judge:  # fmt: skip
    """Load a judge from a folder.

    A file prompt.txt in the folder takes the place of our own words (system.txt beside it, if there is one): figures
    that are to stand beside published ones need the published prompt.

    Args:
        metric: that needs it, for errors.
        source: what the weights are.
        prompt: asked where the folder holds none.
        layout, longest, whole: see `Judge`.
        weights: the folder; by default the one in the folder that HILUM_WEIGHTS names.
        device: 'cpu', 'cuda' ...

    Raises:
        MissingError: if the weights or the extra 'language' are not there.
        InputError: if prompt.txt lacks a place for a report, or the folder is not a causal language model.
    """
    found = load(metric, source, weights)
    asked = _prompt_of(found.root) or prompt
    return Judge(load_language(metric, "AutoModelForCausalLM", found, device, "auto"), asked, layout, longest, whole)


def _prompt_of(folder: Path) -> Prompt | None:
    paths = [folder / name for name in _FILES]
    if not paths[0].is_file():
        return None
    text, system = (path.read_text(encoding="utf-8") if path.is_file() else "" for path in paths)
    if [text.count(place) for place in _PLACES] != [1, 1] or text.index(_PLACES[0]) > text.index(_PLACES[1]):
        raise InputError(f"{paths[0]} must hold {_PLACES[0]} once, and after it {_PLACES[1]} once")
    return Prompt(text, system, f"file-{sha256((text + system).encode()).hexdigest()[:12]}")


def judged(
    pairs: ReportPairs, judge: Judge, on_done: Callable[[int], None] = lambda number: None
) -> Sequence[str | None]:
    """Return the judge's answer about each pair, None where there is no answer to judge; equal pairs are judged once.

    Args:
        pairs: reports.
        judge: who judges.
        on_done: called with the number of each pair that is done.
    """
    known: dict[tuple[str, str], str] = {}
    found: list[str | None] = []
    for number, pair in enumerate(zip(*texts(pairs), strict=True)):
        if pairs.answers[number] is None:
            found.append(None)
            continue
        if pair not in known:
            known[pair] = judge.say(*pair)
        found.append(known[pair])
        on_done(number)
    return found


def scored_by(
    name: str, pairs: ReportPairs, judge: Judge, read: Callable[[str], tuple[float, dict[str, Any]]]
) -> Scored:  # fmt: skip
    """Score pairs by what a judge answers; an answer that cannot be read leaves its pair unscored.

    Args:
        name: of the metric, in its first version.
        pairs: reports.
        judge: who judges.
        read: from an answer to the value and what to note of it; raises UnscoredError where it cannot be read.
    """
    unscored, values = unanswered(pairs), np.full(len(pairs), np.nan)
    notes: list[dict[str, Any]] = []
    for number, said in enumerate(judged(pairs, judge)):
        notes.append({"judge": said})
        if said is None:
            continue
        try:
            values[number], found = read(said)
        except UnscoredError as error:
            unscored[number] = str(error)
            continue
        notes[-1] |= found
    line = signature(name, 1, **judge.said, malformed="unscored")
    return averaged(name, values, line, unscored=unscored, notes=notes)
