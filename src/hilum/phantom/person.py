"""Who a virtual patient is: sex, age, height and body mass index, drawn together so that they fit one another."""

from __future__ import annotations

import numpy as np

from hilum.core.seed import generator
from hilum.phantom.patient import Person, Sex

HEIGHT_CM: dict[Sex, tuple[float, float]] = {"male": (176.0, 7.0), "female": (163.0, 6.5)}
"""Mean and SD of standing height at 30 years."""
SHRINK_CM = 0.12
"""Height lost per year after 50."""
AGE_YEARS = (57.0, 17.0, 18.0, 95.0)
"""Mean, SD, least and most: adults who have a chest film are older than adults."""
BMI = (26.2, 0.17, 16.5, 44.0)
"""Median, SD of the logarithm, least and most."""


def draw_person(seed: int, patient: str) -> Person:
    """Draw who a patient is; the same seed and name give the same person.

    Age decides a little of height (SHRINK_CM) and of body mass index, which rises to 60 and falls again.

    Args:
        seed: of the run, 0 or greater.
        patient: id of the patient.
    """
    rng = generator(seed, "person", patient)
    sex: Sex = "female" if rng.random() < 0.5 else "male"
    mean, spread, least, most = AGE_YEARS
    age = float(np.clip(rng.normal(mean, spread), least, most))
    middle, deviation = HEIGHT_CM[sex]
    height = float(np.clip(rng.normal(middle, deviation), 145.0, 200.0)) - SHRINK_CM * max(age - 50.0, 0.0)
    median, log_spread, thin, heavy = BMI
    usual = median * (1.0 + 0.03 * (1.0 - ((age - 60.0) / 30.0) ** 2))
    bmi = float(np.clip(usual * np.exp(rng.normal(0.0, log_spread)), thin, heavy))
    return Person(sex, round(age, 1), round(height, 1), round(bmi, 1))
