"""What SEI's first stage is judged by: arms, scores, claims."""

from __future__ import annotations

from hilum.measure.claim import Claim

ENTITIES, PLAIN, PROSE = "entities", "entities, no negation prefix", "full report"
SHUFFLED, GLOBAL, TRUNK = "entities, shuffled", "entities, no token term", "frozen encoder alone"
FIRST, FIVE, ILL = "fact overlap@1", "fact overlap@5", "fact overlap@5, films with a finding"
CONTROLS = (PROSE, PLAIN, SHUFFLED, TRUNK)
CLAIMS = (
    Claim("entity text aligns better than prose: the first case", ENTITIES, PROSE, FIRST, CONTROLS),
    Claim("entity text aligns better than prose: five cases", ENTITIES, PROSE, FIVE, CONTROLS),
)
BESIDE = (
    Claim("entity text aligns better than prose, on films with a finding", ENTITIES, PROSE, ILL, CONTROLS),
    Claim("the negation prefix matters", ENTITIES, PLAIN, FIVE),
    Claim("alignment finds better cases than the encoder it starts from", ENTITIES, TRUNK, FIVE),
    Claim("the text matters: a film's own over another's", ENTITIES, SHUFFLED, FIVE),
    Claim("the token term matters", ENTITIES, GLOBAL, FIVE),
)
