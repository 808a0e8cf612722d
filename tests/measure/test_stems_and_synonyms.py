"""Stems and synonyms are those of nltk's PorterStemmer and of its reading of WordNet 3.0."""

from __future__ import annotations

import random
import shutil
import warnings
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.measure.porter import stem
from hilum.measure.synonyms import synonyms

WORDNET = Path("/usr/share/wordnet")
PARTS = ("noun", "verb", "adj", "adv")
LEXNAMES = 45


def vocabulary() -> list[str]:
    """All one-word lemmas and irregular forms of WordNet 3.0."""
    if not (WORDNET / "index.noun").is_file():
        pytest.skip("WordNet 3.0 (Debian's wordnet-base) is not on this machine")
    found: set[str] = set()
    for part in PARTS:
        for name in (f"index.{part}", f"{part}.exc"):
            for line in (WORDNET / name).read_text(encoding="utf-8").splitlines():
                if not line.startswith(" "):
                    found.update(line.split()[:1])
    return sorted(word for word in found if "_" not in word)


def inflected(words: list[str], count: int, seed: int) -> list[str]:
    """Words with endings that may or may not be theirs."""
    chosen = random.Random(seed).sample(words, count)
    return [word + ending for word in chosen for ending in ("s", "es", "ed", "ing", "er", "est", "ies", "ly", "ness")]


# Porter's own examples, and where nltk departs from him.
STEMS = {
    "caresses": "caress", "ponies": "poni", "ties": "tie", "caress": "caress", "cats": "cat", "feed": "feed",
    "agreed": "agre", "plastered": "plaster", "bled": "bled", "motoring": "motor", "sing": "sing",
    "conflated": "conflat", "troubled": "troubl", "sized": "size", "hopping": "hop", "tanned": "tan",
    "falling": "fall", "hissing": "hiss", "fizzed": "fizz", "failing": "fail", "filing": "file", "happy": "happi",
    "sky": "sky", "relational": "relat", "conditional": "condit", "rational": "ration", "valenci": "valenc",
    "digitizer": "digit", "radicalli": "radic", "differentli": "differ", "vileli": "vile", "vietnamization": "vietnam",
    "predication": "predic", "operator": "oper", "feudalism": "feudal", "decisiveness": "decis",
    "hopefulness": "hope", "callousness": "callous", "sensibiliti": "sensibl", "triplicate": "triplic",
    "formative": "form", "formalize": "formal", "electrical": "electr", "goodness": "good", "revival": "reviv",
    "allowance": "allow", "inference": "infer", "airliner": "airlin", "adjustable": "adjust", "irritant": "irrit",
    "replacement": "replac", "dependent": "depend", "adoption": "adopt", "communism": "commun", "activate": "activ",
    "effective": "effect", "bowdlerize": "bowdler", "probate": "probat", "rate": "rate", "cease": "ceas",
    "controll": "control", "roll": "roll", "died": "die", "spied": "spi", "dies": "die", "flies": "fli",
    "enjoy": "enjoy", "dying": "die", "news": "news", "geology": "geolog", "skies": "sky", "Effusions": "effus",
    "as": "as", "IS": "is", "a": "a", "": "", "cardiomegaly": "cardiomegali", "atelectasis": "atelectasi",
    "opacities": "opac", "pneumonia": "pneumonia", "enlarged": "enlarg", "stable": "stabl", "T8": "t8",
}  # fmt: skip


@pytest.mark.parametrize(("word", "expected"), STEMS.items())
def test_a_stem_is_porters_or_nltks(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_stems_are_nltks_over_the_vocabulary() -> None:
    package = pytest.importorskip("nltk.stem.porter")
    other, words = package.PorterStemmer(), vocabulary()
    tried = [*random.Random(1).sample(words, 12_000), *inflected(words, 1500, 2)]
    assert [word for word in tried if stem(word) != other.stem(word)] == []


@pytest.mark.slow
def test_stems_are_nltks_over_the_whole_vocabulary() -> None:
    package = pytest.importorskip("nltk.stem.porter")
    other, words = package.PorterStemmer(), vocabulary()
    assert [word for word in [*words, *inflected(words, 20_000, 3)] if stem(word) != other.stem(word)] == []


@given(st.text(alphabet="abeiouyslzdngtcm", max_size=12))
def test_stems_of_made_words_are_nltks(word: str) -> None:
    package = pytest.importorskip("nltk.stem.porter")
    assert stem(word) == package.PorterStemmer().stem(word)


@given(st.text(max_size=12))
def test_any_text_has_a_stem(word: str) -> None:
    assert stem(word) == stem(word)
    assert len(stem(word)) <= len(word.lower()) + 1


SYNONYMS = {
    "heart": {"heart", "bosom", "centre", "center", "eye", "middle", "mettle", "nerve", "spunk", "pump", "ticker"},
    "car": {"car", "auto", "automobile", "machine", "motorcar", "railcar", "railway"},
    "tumor": {"tumor", "tumour", "neoplasm"},
    "xxxx": {"xxxx"},
}


@pytest.mark.parametrize("word", ["heart", "tumor", "xxxx"])
def test_synonyms_by_hand(word: str) -> None:
    assert SYNONYMS[word] <= synonyms(word)


def test_lemmas_are_found_as_wordnet_finds_them() -> None:
    assert {"mouse"} <= synonyms("mice")  # irregular
    assert {"enlarge", "magnify"} <= synonyms("enlarged")
    assert {"lung"} <= synonyms("lungs")
    assert {"aorta"} <= synonyms("aortae")
    assert {"good", "well", "better"} <= synonyms("better")
    assert {"strip", "funnies"} <= synonyms("comics")  # its base form is two words
    assert "comic_strip" not in synonyms("comics")


def test_a_word_is_its_own_synonym() -> None:
    assert synonyms("zzz-none") == {"zzz-none"}
    assert synonyms("") == {""}


def test_names_with_capitals_or_two_words_are_no_synonyms() -> None:
    found = set(chain.from_iterable(map(synonyms, ["ct", "aids", "heart", "lung", "x-ray", "mri", "january"])))
    assert all(name == name.lower() and "_" not in name for name in found)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Nltk's reader over Debian's WordNet 3.0, which lacks two files that nltk opens but needs nothing of here."""
    package = pytest.importorskip("nltk.corpus.reader.wordnet")
    vocabulary()
    import nltk

    root = tmp_path_factory.mktemp("nltk_data")
    folder = root / "corpora" / "wordnet"
    folder.mkdir(parents=True)
    for part in PARTS:
        for name in (f"index.{part}", f"data.{part}", f"{part}.exc"):
            shutil.copy(WORDNET / name, folder / name)
    shutil.copy(WORDNET / "cntlist.rev", folder / "cntlist.rev")
    (folder / "lexnames").write_text("".join(f"{n:02}\tname{n}\t1\n" for n in range(LEXNAMES)), encoding="utf-8")
    (folder / "index.sense").write_text("", encoding="utf-8")
    nltk.data.path.insert(0, str(root))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return package.WordNetCorpusReader(nltk.data.find("corpora/wordnet"), None)
    except Exception as error:  # nltk refuses folders outside its own list
        pytest.skip(f"nltk does not read WordNet here: {error}")


def by_nltk(reader: Any, word: str) -> set[str]:
    names = chain.from_iterable((lemma.name() for lemma in synset.lemmas()) for synset in reader.synsets(word))
    return {name for name in names if "_" not in name and name == name.lower()} | {word}


def test_synonyms_are_nltks(reader: Any) -> None:
    words = vocabulary()
    tried = [*random.Random(5).sample(words, 4000), *inflected(words, 400, 6), "comics", "bases-on-balls"]
    assert [word for word in tried if synonyms(word) != by_nltk(reader, word)] == []


@pytest.mark.slow
def test_synonyms_of_the_whole_vocabulary_are_nltks(reader: Any) -> None:
    words = vocabulary()
    assert [word for word in [*words, *inflected(words, 8000, 7)] if synonyms(word) != by_nltk(reader, word)] == []


def test_meteor_is_nltks_on_made_reports(reader: Any) -> None:
    package = pytest.importorskip("nltk.translate.meteor_score")
    from hilum.measure.metrics.meteor import meteor

    draw, words = random.Random(9), vocabulary()
    near = ["heart", "lungs", "lung", "enlarged", "large", "big", "small", "stable", "car", "auto", "clear", "clears"]
    for _ in range(250):
        reference = [draw.choice(near if draw.random() < 0.8 else words) for _ in range(draw.randint(0, 25))]
        answer = [draw.choice(near if draw.random() < 0.8 else words) for _ in range(draw.randint(0, 25))]
        expected = package.single_meteor_score(reference, answer, wordnet=reader)
        assert meteor(reference, answer) == pytest.approx(expected, abs=1e-12)


def test_the_table_carries_its_licence() -> None:
    from importlib.resources import files

    notice = files("hilum.measure").joinpath("tables", "WORDNET-LICENSE.txt").read_text(encoding="utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in notice
