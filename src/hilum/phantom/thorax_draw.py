"""The numbers of one thorax, all drawn before anything is built: by sex, age, height and body mass index.

Means and spreads are those of the project's specification of virtual chests; lengths in mm, HU for densities.
Each number is drawn by its own name, so that a new number never shifts the others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hilum.core.seed import generator
from hilum.phantom.patient import Person


@dataclass(frozen=True)
class Numbers:
    """What is drawn once per person and kept from visit to visit."""

    torso_width_mm: float
    torso_depth_mm: float
    fat_mm: float
    muscle_mm: float
    breast_ml: float
    spine_mm: float
    kyphosis_deg: float
    scoliosis_deg: float
    rib_thickness_mm: float
    rib_height_mm: float
    rib_slope: float
    cortex_mm: float
    cortex_hu: float
    marrow_hu: float
    calcified: float
    clavicle_mm: float
    shoulder_mm: float
    scapula_out_mm: float
    shoulder_lift_mm: float
    arm_out_deg: float
    dome_rib: float
    dome_gap_mm: float
    dome_height_mm: float
    ctr: float
    heart_tilt_deg: float
    heart_right_share: float
    arch_mm: float
    ascending_mm: float
    descending_mm: float
    unfolding_mm: float
    pulmonary_trunk_mm: float
    trachea_mm: float
    carina_vertebra: float
    right_main_deg: float
    left_main_deg: float
    lung_hu: float
    gravity_hu: float
    texture_hu: float
    intercostal_hu: float
    vessel_mm: float
    blood_hu: float
    fissure_level: float
    fissure_slope: float
    fissure_bow_mm: float
    fissure_hu_mm: float
    stomach_gas_ml: float
    bowel: float
    colon_gas: float

    @property
    def fat_around_mm(self) -> tuple[float, float, float]:
        """Fat beside, behind and before the chest; of what people gain most lies in front."""
        more = self.fat_mm - 15.0
        return max(9.0 + more, 2.0), max(8.0 + 1.3 * more, 3.0), max(12.0 + 1.9 * more, 3.0)

    def as_dict(self) -> dict[str, Any]:
        """Return all numbers, for JSON."""
        return {name: round(float(value), 4) for name, value in asdict(self).items()}


def draw_numbers(person: Person, *, seed: int, patient: str, ctr: float | None = None) -> Numbers:
    """Draw the numbers of one person's thorax.

    Args:
        person: decides the means.
        seed, patient: of the draws.
        ctr: width of the heart over that of the lungs; drawn where it is not given (0.44, SD 0.04; 0.02 more from
            65 years).
    """
    male = person.sex == "male"

    def normal(name: str, mean: float, spread: float, least: float, most: float) -> float:
        return float(np.clip(generator(seed, "thorax", patient, name).normal(mean, spread), least, most))

    def uniform(name: str, least: float, most: float) -> float:
        return float(generator(seed, "thorax", patient, name).uniform(least, most))

    age, over = person.age_years, person.bmi - 25.0
    heavy, old = max(over, 0.0), max(age - 40.0, 0.0)
    tall = (person.height_cm - (175.0 if male else 162.0)) / 6.5
    usual = 0.44 + (0.02 if age >= 65 else 0.0)
    return Numbers(
        torso_width_mm=normal("width", (330 if male else 300) + 8 * tall + 3.4 * over, 14,
                              250, 460),
        torso_depth_mm=normal("depth", (230 if male else 210) + 3 * tall + 5 * over * (1 if over > 0 else 0.5), 12,
                              170, 360),
        fat_mm=normal("fat", (7 if male else 10) + 1.5 * max(over + 5, 0.0), 2, 4, 40),
        muscle_mm=normal("muscle", (19 if male else 14) - 0.06 * old, 2.5, 9, 28),
        breast_ml=0.0 if male else normal("breast", 430 + 30 * over, 170, 60, 900),
        spine_mm=normal("spine", 1.555 * person.height_cm, 6, 195, 310),
        kyphosis_deg=normal("kyphosis", 33 + 0.22 * max(age - 40, 0.0), 8, 15, 68),
        scoliosis_deg=normal("scoliosis", 0.0, 4.0, -15, 15),
        rib_thickness_mm=normal("rib thickness", 7.9 if male else 7.1, 0.6, 5.8, 9.2),
        rib_height_mm=normal("rib height", 13.9 if male else 12.4, 0.9, 10.5, 16.0),
        rib_slope=normal("rib slope", 1.0 - 0.0022 * old, 0.07, 0.75, 1.2),
        cortex_mm=normal("cortex", 0.82 - 0.003 * old, 0.11, 0.5, 1.2),
        cortex_hu=normal("cortex hu", 1180 - 2.5 * old, 140, 800, 1500),
        marrow_hu=normal("marrow", 245 - 1.5 * old, 40, 70, 330),
        calcified=normal("calcified", 0.011 * (age - 38), 0.18, 0, 1),
        clavicle_mm=normal("clavicle", (150 if male else 137) + 3 * tall, 6, 120, 170),
        shoulder_mm=normal("shoulder", (198 if male else 178) + 4 * tall + 1.2 * heavy, 6, 155, 235),
        scapula_out_mm=normal("scapula", 8.0, 9.0, -12, 26),
        shoulder_lift_mm=normal("shoulder lift", 0.0, 8.0, -16, 16),
        arm_out_deg=uniform("arm out", 10, 55),
        dome_rib=normal("dome rib", 9.65, 0.4, 9.0, 10.6),
        dome_gap_mm=normal("dome gap", 16.5, 3.0, 9, 24),
        dome_height_mm=normal("dome height", 62, 7, 42, 80),
        ctr=normal("ctr", usual, 0.04, 0.35, 0.5) if ctr is None else float(ctr),
        heart_tilt_deg=normal("heart tilt", 44 - 0.4 * over, 6, 25, 62),
        heart_right_share=normal("heart right", 0.33, 0.03, 0.26, 0.42),
        arch_mm=normal("arch", (28.5 if male else 26) + 0.07 * (age - 50), 2, 21, 38),
        ascending_mm=normal("ascending", (33 if male else 30.5) + 0.07 * (age - 50), 2.5, 24, 43),
        descending_mm=normal("descending", (24.5 if male else 22.5) + 0.06 * (age - 50), 2, 18, 33),
        unfolding_mm=normal("unfolding", 0.28 * max(age - 45, 0.0), 3.0, 0, 22),
        pulmonary_trunk_mm=normal("trunk", 25.5 if male else 24, 2, 20, 31),
        trachea_mm=normal("trachea", 18 if male else 15, 1.6, 11.5, 22),
        carina_vertebra=normal("carina", 5.1, 0.35, 4.2, 5.9),
        right_main_deg=normal("right main", 27, 4, 17, 37),
        left_main_deg=normal("left main", 44, 5, 32, 56),
        lung_hu=normal("lung hu", -868, 18, -915, -815),
        gravity_hu=uniform("gravity", 20, 60),
        texture_hu=uniform("texture", 14, 36),
        intercostal_hu=uniform("intercostal", -95, -20),
        vessel_mm=normal("vessel", 0.43, 0.045, 0.32, 0.56),
        blood_hu=normal("blood", 42, 4, 32, 54),
        fissure_level=normal("fissure", 0.0, 6.0, -14, 14),
        fissure_slope=normal("fissure slope", 0.1, 0.12, -0.15, 0.4),
        fissure_bow_mm=uniform("fissure bow", 3, 13),
        fissure_hu_mm=300.0 * uniform("fissure hu", 0, 1) ** 2,
        stomach_gas_ml=0.0 if uniform("stomach empty", 0, 1) < 0.2 else float(
            np.exp(generator(seed, "thorax", patient, "stomach gas").normal(3.7, 0.9))
        ),
        bowel=uniform("bowel", 0.0, 1.0),
        colon_gas=uniform("colon gas", 0.0, 1.0),
    )  # fmt: skip
