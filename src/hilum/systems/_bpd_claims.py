"""The arms of BPD and its claims; no torch is needed to list them."""

from __future__ import annotations

from hilum.measure.claim import Claim
from hilum.systems._bpd_plan import FULL, MIXED, PLANS, PROBED, PROGRESSIVE

IN_DOMAIN, GENERIC, RANDOM = "in-domain", "generic", "random"
ORIGINS = (IN_DOMAIN, GENERIC, RANDOM)


def arm_name(origin: str, schedule: str) -> str:
    """Return how an arm is called: 'in-domain, progressive'."""
    return f"{origin}, {schedule}"


ARMS = tuple(arm_name(origin, schedule) for origin in ORIGINS for schedule in PLANS)
SCRATCH, PLAIN = arm_name(RANDOM, FULL), arm_name(GENERIC, FULL)
START = Claim(
    "at n = 160, progressive thawing from an in-domain start beats the same from a generic one",
    arm_name(IN_DOMAIN, PROGRESSIVE), arm_name(GENERIC, PROGRESSIVE), "AUROC", (SCRATCH, arm_name(IN_DOMAIN, FULL)),
)  # fmt: skip
WHOLE = Claim(
    "in-domain start, probe, progressive thawing and CutMix together beat plain fine-tuning from a generic start",
    arm_name(IN_DOMAIN, MIXED), PLAIN, "AUROC", (SCRATCH, arm_name(IN_DOMAIN, FULL)),
)  # fmt: skip
BESIDE = (
    Claim("progressive thawing beats all layers at once (published gain .014)", arm_name(IN_DOMAIN, PROGRESSIVE),
          arm_name(IN_DOMAIN, FULL), "AUROC", (SCRATCH,)),
    Claim("a linear probe before it helps (published with CutMix, .008)", arm_name(IN_DOMAIN, PROBED),
          arm_name(IN_DOMAIN, PROGRESSIVE), "AUROC", (SCRATCH,)),
    Claim("CutMix helps beside both", arm_name(IN_DOMAIN, MIXED), arm_name(IN_DOMAIN, PROBED), "AUROC", (SCRATCH,)),
    Claim("an in-domain start beats none, all layers at once", arm_name(IN_DOMAIN, FULL), SCRATCH, "AUROC", (PLAIN,)),
    Claim("a generic start beats none, all layers at once", PLAIN, SCRATCH, "AUROC", (arm_name(IN_DOMAIN, FULL),)),
)  # fmt: skip
CLAIMS = (START, WHOLE)
CLAIMED = tuple(
    name for name in ARMS
    if any(name in (each.arm, each.better_than, *each.controls) for each in (*CLAIMS, *BESIDE))
)  # fmt: skip
"""Arms that a claim names; the others fill the table of starts and schedules."""
REAL_ARMS = (
    (IN_DOMAIN, MIXED), (IN_DOMAIN, PROGRESSIVE), (IN_DOMAIN, FULL), (GENERIC, PROGRESSIVE), (GENERIC, FULL),
    (RANDOM, FULL),
)  # fmt: skip
REAL_START = Claim(
    "real films: at 163 children, an in-domain start beats a generic one under progressive thawing",
    arm_name(IN_DOMAIN, PROGRESSIVE), arm_name(GENERIC, PROGRESSIVE), "AUROC", (arm_name(RANDOM, FULL),),
)  # fmt: skip
REAL_WHOLE = Claim(
    "real films: the whole recipe beats plain fine-tuning from a generic start",
    arm_name(IN_DOMAIN, MIXED), arm_name(GENERIC, FULL), "AUROC", (arm_name(RANDOM, FULL),),
)  # fmt: skip
REAL_CLAIMS = (REAL_START, REAL_WHOLE)
