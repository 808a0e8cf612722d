"""Result codes: every code has its report, the labeler reads the code back, and bad banks are refused in words."""

from __future__ import annotations

import re
from itertools import product

import pytest

from hilum.core.errors import InputError
from hilum.core.vocabulary import label_set
from hilum.text.codes import BankSentence, CodeBank, code_bank, parse_bank
from hilum.text.labels import label


def all_codes(bank: CodeBank) -> list[str]:
    return ["".join(bits) for bits in product("01", repeat=len(bank.labels))]


def states_of(bank: CodeBank, code: str) -> dict[str, str]:
    states = label(bank.report(code), bank.label_set).states
    return {name: states.get(name, "not mentioned") for name in bank.labels}


def expected(bank: CodeBank, code: str) -> dict[str, str]:
    return {name: "present" if bit == "1" else "absent" for name, bit in zip(bank.labels, code, strict=True)}


def test_the_labeler_reads_all_eight_codes_back() -> None:
    bank = code_bank("three")
    codes = all_codes(bank)
    assert len(codes) == 8
    for code in codes:
        assert states_of(bank, code) == expected(bank, code)


def test_the_labeler_reads_codes_of_one_and_two_ones_back() -> None:
    bank = code_bank("fourteen")
    few = [code for code in all_codes(bank) if code.count("1") <= 2]
    assert len(few) == 1 + 14 + 91
    for code in few:
        assert states_of(bank, code) == expected(bank, code)


@pytest.mark.slow
def test_the_labeler_reads_all_16384_codes_back() -> None:
    bank = code_bank("fourteen")
    codes = all_codes(bank)
    assert len(codes) == 16_384
    assert [code for code in codes if states_of(bank, code) != expected(bank, code)] == []


def test_the_banks_have_the_labels_of_the_recipe() -> None:
    assert code_bank("three").labels == ("Cardiomegaly", "Effusion", "Consolidation")
    assert set(code_bank("fourteen").labels) == {*label_set("nih-14").labels} - {"No Finding"}


@pytest.mark.parametrize("name", ["three", "fourteen"])
def test_a_zero_is_worded_not_detected(name: str) -> None:
    for item in code_bank(name).sentences:
        assert (item.state == 0) == ("detected" in item.text)
        assert not re.search(r"\b(absent|normal|clear|no evidence)\b", item.text, re.IGNORECASE)


@pytest.mark.parametrize("code", ["000", "010", "111"])
def test_sentences_point_to_their_labels(code: str) -> None:
    bank = code_bank("three")
    report = bank.report(code)
    told = {item.findings for item in report.sentences if item.section == "findings"}
    assert told == {(name,) for name in bank.labels}
    assert " ".join(report.text(item) for item in report.sentences if item.section == "findings") == report.findings
    assert report.status == "draft"


def test_the_words_of_a_code() -> None:
    report = code_bank("three").report("010")
    assert (
        report.findings == "Cardiomegaly was not detected. A pleural effusion is seen. Consolidation was not detected."
    )
    assert report.impression == "Pleural effusion."
    assert code_bank("three").report("000").impression == "None of what was looked for was detected."


@pytest.mark.parametrize("code", ["", "01", "0101", "0x1", "²11"])
def test_a_code_of_the_wrong_form_is_refused(code: str) -> None:
    with pytest.raises(InputError, match="3 digits 0 or 1"):
        code_bank("three").report(code)


def row(label: str = "Edema", state: int = 1, text: str = "Edema.", section: str = "findings") -> dict[str, object]:
    return {"label": label, "state": state, "section": section, "text": text, "order": 1}


@pytest.mark.parametrize(
    ("loaded", "words"),
    [
        ({"version": "1", "sentences": []}, "no label_set"),
        ({"version": "1", "label_set": "nih-14", "sentences": []}, "at least one label"),
        ({"version": "1", "label_set": "nih-14", "sentences": [row()]}, "0 findings sentences for 0"),
        ({"version": "1", "label_set": "nih-14", "sentences": [row(), row(), row(state=0)]}, "2 findings sentences"),
        ({"version": "1", "label_set": "nih-14", "sentences": [row("Oedema")]}, "label 'Oedema' is not of 'nih-14'"),
        ({"version": "1", "label_set": "nih-14", "sentences": [row(), row(state=2)]}, "state 0 or 1"),
        ({"version": "1", "label_set": "nih-14", "sentences": [row(), row(section="plan")]}, "section must be of"),
        ({"version": "", "label_set": "nih-14", "sentences": [row(), row(state=0)]}, "needs a version"),
        ({"version": "1", "label_set": "nih-14", "sentences": [{"label": "Edema"}]}, "has the keys"),
        ({"version": "1", "label_set": "nih14", "sentences": [row(), row(state=0)]}, "nih-14"),
    ],
)
def test_a_faulty_bank_is_refused_with_what_is_wrong(loaded: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_bank(loaded)


def test_a_bank_of_ones_own_may_add_a_label() -> None:
    extra = (
        BankSentence("Pneumothorax", 1, "findings", "There is a pneumothorax.", 9),
        BankSentence("Pneumothorax", 0, "findings", "Pneumothorax was not detected.", 9),
    )
    bank = CodeBank("mine-1", "nih-14", (*code_bank("three").sentences, *extra))
    assert bank.labels == (*code_bank("three").labels, "Pneumothorax")
    assert states_of(bank, "0011") == expected(bank, "0011")


def test_an_unknown_bank_is_refused() -> None:
    with pytest.raises(InputError, match="there are three, fourteen"):
        code_bank("four")
