"""Retrieval as questions: the place of the right choice among those that a model names, the likeliest first.

A model answers a question by adding questions of the same id with an answer each. What it does not name it has not
found. Only studies that ask the metric's kind of question are scored.
"""

from __future__ import annotations

from hilum.core.registry import register
from hilum.core.study import Study
from hilum.measure.metric import UnscoredError

FILM_TO_TEXT, TEXT_TO_FILM = "film-to-text", "text-to-film"
_UNIT = (0.0, 1.0)


def place_of(reference: Study, answer: Study, family: str) -> int:
    """Return the place of the right choice, 1 the first, 0 where it is not named.

    Raises:
        UnscoredError: if the study asks no such question.
    """
    asked = [question for question in reference.questions if question.family == family and question.answer is not None]
    if not asked:
        raise UnscoredError(f"it asks no '{family}' question")
    named = [q.answer for q in answer.questions if q.id == asked[0].id and q.answer is not None]
    return named.index(asked[0].answer) + 1 if asked[0].answer in named else 0


def _found(reference: Study, answer: Study, family: str, first: int) -> float:
    return float(1 <= place_of(reference, answer, family) <= first)


@register.metric("film-to-text/recall@1", better="higher", takes="study", range=_UNIT, version=1)
def film_to_text_1(reference: Study, answer: Study) -> float:
    """Whether the film's own report was named first."""
    return _found(reference, answer, FILM_TO_TEXT, 1)


@register.metric("film-to-text/recall@5", better="higher", takes="study", range=_UNIT, version=1)
def film_to_text_5(reference: Study, answer: Study) -> float:
    """Whether the film's own report was among the first five."""
    return _found(reference, answer, FILM_TO_TEXT, 5)


@register.metric("film-to-text/recall@10", better="higher", takes="study", range=_UNIT, version=1)
def film_to_text_10(reference: Study, answer: Study) -> float:
    """Whether the film's own report was among the first ten."""
    return _found(reference, answer, FILM_TO_TEXT, 10)


@register.metric("text-to-film/recall@1", better="higher", takes="study", range=_UNIT, version=1)
def text_to_film_1(reference: Study, answer: Study) -> float:
    """Whether the report's own film was named first."""
    return _found(reference, answer, TEXT_TO_FILM, 1)


@register.metric("text-to-film/recall@5", better="higher", takes="study", range=_UNIT, version=1)
def text_to_film_5(reference: Study, answer: Study) -> float:
    """Whether the report's own film was among the first five."""
    return _found(reference, answer, TEXT_TO_FILM, 5)


@register.metric("text-to-film/recall@10", better="higher", takes="study", range=_UNIT, version=1)
def text_to_film_10(reference: Study, answer: Study) -> float:
    """Whether the report's own film was among the first ten."""
    return _found(reference, answer, TEXT_TO_FILM, 10)
