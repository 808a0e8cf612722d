"""What is judged of BenchX; no torch."""

from __future__ import annotations

from hilum.measure.claim import Claim

RANDOM, SUPERVISED = "random-init", "supervised"
METRIC, TAU = "mean AUROC", "Kendall tau"
RECIPES, SEEDS_ARM = "between recipes", "between seeds"
EARLY, LATE = "2020-2021", "2023"
YEARS = {EARLY: (2020, 2021), LATE: (2023,)}
"""Methods that the papers rank low and high, by the year of the paper."""
CHANGES = Claim(
    "a recipe chosen for each method reorders the methods more than another seed does", RECIPES, SEEDS_ARM, TAU,
    better="lower",
)  # fmt: skip
OVERTAKE = Claim(
    "tuned alike, methods of 2020 and 2021 overtake those of 2023", EARLY, LATE, METRIC, (RANDOM, SUPERVISED)
)
EVERY = "methods"
LEARNT = Claim("pre-training on reports beats no pre-training", EVERY, RANDOM, METRIC, (SUPERVISED,))
CLAIMS = (CHANGES, OVERTAKE)
