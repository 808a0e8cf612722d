"""Language models as judges of entailment, where the user names one: behind an address, or in a folder.

RadFact's own judge is a language model; which one is said in the name and so in the signature of every score.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol

from hilum.core.errors import HilumError, MissingError, need
from hilum.io.chat import Chat
from hilum.measure.entailment import Entailed

SYSTEM = (
    "You check statements about a chest radiograph against a report of the same radiograph. A statement is entailed "
    "if the report says it or it follows from what the report says; it is not entailed if the report contradicts it, "
    "says less, or does not mention it. Finding, side, place, severity and change must all agree."
)
QUESTION = (
    "Report, one numbered phrase a line:\n{report}\n\nStatement: {phrase}\n\n"
    'Answer with JSON only: {{"entailed": true or false, "evidence": [numbers of the phrases that bear it out]}}'
)
PROMPT = blake2b((SYSTEM + QUESTION).encode(), digest_size=4).hexdigest()
"""Fingerprint of the wording; a score under other words is another score."""


class Writer(Protocol):
    """Continues a prompt."""

    def __call__(self, prompt: str, system: str) -> str:
        """Return the answer."""
        ...


class _Asking:
    """Asks one question for each phrase, and reads the answers strictly."""

    def __init__(self, name: str, write: Writer) -> None:
        self.name = f"{name}-{PROMPT}"
        self._write, self._answered = write, False

    def __call__(self, phrases: Sequence[str], others: Sequence[str]) -> tuple[Entailed, ...]:
        """Return a verdict for each phrase.

        An answer that fails or cannot be read is 'not judged', with the reason; it counts as not entailed.

        Raises:
            HilumError: if the very first question fails, so that a judge that is not there scores nothing.
        """
        return tuple(self._one(phrase, others) for phrase in phrases)

    def _one(self, phrase: str, others: Sequence[str]) -> Entailed:
        if not others:
            return Entailed(phrase, "not entailed", reason="the other report has no phrase")
        report = "\n".join(f"{number}. {other}" for number, other in enumerate(others, 1))
        try:
            answer = self._write(QUESTION.format(report=report, phrase=phrase), SYSTEM)
        except HilumError as error:
            if not self._answered:
                raise
            return Entailed(phrase, "not judged", reason=str(error))
        self._answered = True
        return read_answer(phrase, answer, len(others))


def read_answer(phrase: str, answer: str, count: int) -> Entailed:
    """Return the verdict that an answer holds: the last JSON object with 'entailed' true or false.

    Args:
        phrase: that was asked about.
        answer: as the model wrote it, perhaps with words around the JSON.
        count: phrases of the other report; numbers outside 1 to count are no evidence.
    """
    found = [each for each in _objects(answer) if isinstance(each.get("entailed"), bool)]
    if not found:
        return Entailed(phrase, "not judged", reason=f"the answer cannot be read: {answer[:120]!r}")
    if not found[-1]["entailed"]:
        return Entailed(phrase, "not entailed", reason="said by the judge")
    told = found[-1].get("evidence")
    numbers = {each for each in told if isinstance(each, int) and 1 <= each <= count} if isinstance(told, list) else ()
    return Entailed(phrase, "entailed", tuple(sorted(number - 1 for number in numbers)))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """JSON objects in a text, in order, none within another."""
    start = text.find("{")
    while start >= 0:
        try:
            made, stop = json.JSONDecoder().raw_decode(text, start)
        except (ValueError, RecursionError):
            stop = start + 1
        else:
            yield made
        start = text.find("{", stop)


class ChatJudge(_Asking):
    """A language model behind an address.

    Args:
        chat: where and which; give it a `cache` so that nothing is asked twice.
    """

    def __init__(self, chat: Chat) -> None:
        super().__init__(f"chat-{chat.model}", lambda prompt, system: chat.ask(prompt, system=system))


class LocalJudge(_Asking):
    """A causal language model from a folder of this machine; nothing is fetched, decoding is greedy.

    Args:
        folder: with config.json, .safetensors weights and the tokenizer's files.
        max_tokens: of an answer.

    Raises:
        MissingError: if the folder, its weights or the extra 'language' is not there.
    """

    def __init__(self, folder: str | Path, *, max_tokens: int = 256) -> None:
        root = Path(folder)
        weights = sorted(root.glob("*.safetensors"))
        if not (root / "config.json").is_file() or not weights:
            raise MissingError(f"the model folder {root} lacks config.json or a .safetensors file of weights")
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise need("transformers", "language", "a local judge") from error
        self._model: Any = AutoModelForCausalLM.from_pretrained(root, local_files_only=True, use_safetensors=True)
        self._tokenizer = AutoTokenizer.from_pretrained(root, local_files_only=True)
        self._max_tokens = max_tokens
        super().__init__(f"local-{_digest(weights)}", self._continued)

    def _continued(self, prompt: str, system: str) -> str:
        import torch

        if self._tokenizer.chat_template:
            turns = [{"role": "system", "content": system}, {"role": "user", "content": prompt}]
            text = self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
        else:
            text = f"{system}\n\n{prompt}\n"
        given = self._tokenizer(text, return_tensors="pt", add_special_tokens=not self._tokenizer.chat_template)
        length = given["input_ids"].shape[1]
        longest = getattr(self._model.config, "max_position_embeddings", None)
        if longest and length + self._max_tokens > longest:
            return f"(the prompt of {length} tokens leaves no room for an answer in the model's {longest})"
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=given["input_ids"], attention_mask=given["attention_mask"], do_sample=False,
                max_new_tokens=self._max_tokens, pad_token_id=self._tokenizer.pad_token_id or 0,
            )  # fmt: skip
        return str(self._tokenizer.decode(made[0, length:], skip_special_tokens=True))


def _digest(weights: Sequence[Path]) -> str:
    """Eight hexadecimal digits of a model's weights."""
    made = blake2b(digest_size=4)
    for path in weights:
        with path.open("rb") as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                made.update(block)
    return made.hexdigest()
