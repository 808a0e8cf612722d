"""What CheXagent is judged by: tasks with their scores, arms, claims."""

from __future__ import annotations

from collections.abc import Mapping

from hilum.measure.claim import Claim

TASKS: Mapping[str, str] = {
    "view": "view: accuracy", "labels": "labels: F1", "presence": "presence: accuracy",
    "phrase_to_box": "phrase to box: F1@.5", "box_to_phrase": "box to phrase: accuracy",
    "findings": "findings: fact F1",
    "progression": "progression: change accuracy", "choice": "choice of four: accuracy by likelihood",
}  # fmt: skip
"""Builders of the mixture, each with what it is scored by."""
SCARCE, FINE = ("phrase_to_box", "box_to_phrase", "choice"), ("phrase_to_box", "box_to_phrase")
"""Tasks with few samples, and those that only arms with boxes learn."""
PARSED = "choice of four: accuracy by the written answer"
ALL, ONE, LONG, COARSE = "all tasks", "the task alone", "the task alone, four times the steps", "all but box tasks"
BLANK, SWAPPED, PRIOR = "all tasks, blank film", "all tasks, another patient's film", "text prior, no film"

_GUARDS = (BLANK, SWAPPED)
CLAIMS = (
    *(Claim(f"all tasks help a scarce one: {name.replace('_', ' ')}", ALL, ONE, TASKS[name], (*_GUARDS, *more))
      for name, more in (("phrase_to_box", (LONG,)), ("box_to_phrase", ()), ("choice", (PRIOR,)))),
    Claim("leaving the box tasks out hurts grounding", ALL, COARSE, TASKS["phrase_to_box"]),
    Claim("options are chosen by the film: above what the text alone tells", ALL, PRIOR, TASKS["choice"], _GUARDS),
)  # fmt: skip
BESIDE = (
    Claim("more steps on the task alone do not make up for it", ALL, LONG, TASKS["phrase_to_box"]),
    Claim("box tasks help the findings", ALL, COARSE, TASKS["findings"], _GUARDS),
    Claim("options by the written answer: a film over none", ALL, BLANK, PARSED),
    *(Claim(f"all tasks help: {name}", ALL, ONE, TASKS[name])
      for name in ("view", "labels", "presence", "findings", "progression")),
)  # fmt: skip
