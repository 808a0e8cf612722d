"""What the review of report generation is judged by: writers, metrics of words and of facts, claims."""

from __future__ import annotations

from hilum.measure.claim import Claim

WORDS = ("bleu-1", "bleu-4", "meteor/nltk", "rouge-l", "cider")
FACTS = ("finding-f1", "finding-f1/presence", "label-f1/hilum/micro-14", "graph-f1/partial", "green/hilum")
"""Registered metrics: of words that two reports share, and of what they state."""
CONSTANT, RANDOM, NEAREST, CODE = "constant text", "any training report", "nearest neighbour", "result code"
PLAIN, MEMORY, ADDED = "plain decoder, as many weights", "relational memory, conditioned norms", "memory, no such norms"
READER = "reader"
TRUTH, SIDES = "true facts in other words", "true words, sides exchanged"
SWAPPED, BLANK = f"{MEMORY}, another patient's films", f"{MEMORY}, blank films"
FLOORS = (CONSTANT, RANDOM, NEAREST)
"""Writers that a result must stand above; they run in every table."""

BLEU, FOUND = "bleu-4", "finding-f1"
CLAIMS = (
    Claim(
        "words do not track facts: a constant text shares more words than true facts do", CONSTANT, TRUTH, BLEU, FLOORS
    ),
    Claim("and states fewer facts than true facts do", TRUTH, CONSTANT, FOUND, FLOORS),
    Claim(
        "words do not track facts: with sides exchanged a report shares more words than true facts do",
        SIDES,
        TRUTH,
        BLEU,
    ),
    Claim("and with sides exchanged it states fewer facts", TRUTH, SIDES, FOUND),
    Claim("a relational memory writes words nearer to the report", MEMORY, PLAIN, BLEU, (*FLOORS, SWAPPED, BLANK)),
    Claim("a relational memory states more facts rightly", MEMORY, PLAIN, FOUND, (*FLOORS, SWAPPED, BLANK)),
)
BESIDE = (
    Claim("a constant text shares more words than reports by result code", CONSTANT, CODE, BLEU),
    Claim("reports by result code state more facts than a constant text", CODE, CONSTANT, FOUND),
    Claim("exchanged sides cost words little: above the best trained writer", SIDES, READER, BLEU),
    Claim("facts are read from the films: own over another patient's", MEMORY, SWAPPED, FOUND, (BLANK,)),
    Claim("conditioned norms matter: words", MEMORY, ADDED, BLEU),
    Claim("conditioned norms matter: facts", MEMORY, ADDED, FOUND),
    Claim("the reader states more facts than the nearest neighbour", READER, NEAREST, FOUND, FLOORS),
    Claim("the reader states more facts than the decoder with a memory", READER, MEMORY, FOUND, FLOORS),
)
