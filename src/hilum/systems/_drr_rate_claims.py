"""The arms and the claims of DRR-RATE's transfer: what is trained, on what it is read, and what should beat what."""

from __future__ import annotations

from collections.abc import Mapping

from hilum.measure.claim import Claim
from hilum.systems._drr_rate_bodies import NAMES

THRESHOLD, LINEAR, DRAWN, SHUFFLED, REAL_ONLY = (
    "threshold -100 HU", "linear mu", "linear mu, drawn film physics", "shuffled labels", "real films only",
)  # fmt: skip
OWN, PHYSICS, FILMS = "DRRs of their own kind", "films of unseen physics", "real films"
_MEAN, _GROUND, _AIR, _CORE = (
    "mean AUROC",
    "AUROC of ground glass",
    "AUROC of pneumothorax",
    "mean AUROC, heart and fluid",
)
COLUMNS: Mapping[str, tuple[int, ...]] = {
    _MEAN: tuple(range(len(NAMES))), _GROUND: (NAMES.index("ground glass opacity"),),
    _AIR: (NAMES.index("pneumothorax"),), _CORE: (0, 1),
}  # fmt: skip
CLAIMS: tuple[tuple[str, Claim], ...] = (
    (OWN, Claim("classifiers trained on DRR-RATE's DRRs read such DRRs of other bodies", THRESHOLD, SHUFFLED, _MEAN)),
    (OWN, Claim("linear mu beats the threshold on ground glass, each on its own kind of DRR", LINEAR, THRESHOLD,
                _GROUND, (SHUFFLED,))),
    (OWN, Claim("linear mu beats the threshold on pneumothorax, each on its own kind of DRR", LINEAR, THRESHOLD,
                _AIR, (SHUFFLED,))),
    (PHYSICS, Claim("linear mu beats the threshold on ground glass, on films of unseen physics", LINEAR, THRESHOLD,
                    _GROUND, (SHUFFLED,))),
    (PHYSICS, Claim("linear mu beats the threshold on pneumothorax, on films of unseen physics", LINEAR, THRESHOLD,
                    _AIR, (SHUFFLED,))),
    (PHYSICS, Claim("drawn physics beats the threshold on films of unseen physics", DRAWN, THRESHOLD, _MEAN,
                    (SHUFFLED,))),
    (PHYSICS, Claim("drawn physics beats plain linear mu on films of unseen physics", DRAWN, LINEAR, _MEAN,
                    (SHUFFLED,))),
    (FILMS, Claim("what DRR-RATE's DRRs teach transfers to real films (cardiomegaly, effusion)", THRESHOLD, SHUFFLED,
                  _CORE, (REAL_ONLY,))),
    (FILMS, Claim("what drawn physics teaches transfers to real films (cardiomegaly, effusion)", DRAWN, SHUFFLED,
                  _CORE, (REAL_ONLY,))),
    (FILMS, Claim("drawn physics beats the threshold on real films (cardiomegaly, effusion)", DRAWN, THRESHOLD, _CORE,
                  (SHUFFLED, REAL_ONLY))),
    (FILMS, Claim("drawn physics beats plain linear mu on real films (cardiomegaly, effusion)", DRAWN, LINEAR, _CORE,
                  (SHUFFLED, REAL_ONLY))),
)  # fmt: skip
