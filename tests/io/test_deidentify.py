"""De-identification: planted secrets must be gone from the bytes written, references must still agree."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.sr.codedict import codes
from pydicom.uid import UID

from hilum.core.errors import InputError
from hilum.io import deidentify
from hilum.io.deidentify import basic_profile, burned_in, hashed_uid, pseudonym
from tests.io.made import film, write

SECRET = "ZQX"
_TEXT_VRS = ("AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT", "UR")


def saved(ds: Dataset) -> bytes:
    stream = io.BytesIO()
    ds.save_as(stream, implicit_vr=False, little_endian=True)
    return stream.getvalue()


def listed() -> set[str]:
    groups = ("_EMPTIED", "_DESCRIPTORS", "_DEVICE", "_INSTITUTION", "_CHARACTERISTICS", "_REMOVED")
    return set().union(*(getattr(deidentify, name) for name in groups))


def full() -> Dataset:
    """A film with a secret in every listed attribute that takes text, here and inside a sequence."""
    ds, inner = film(), Dataset()
    for keyword in listed():
        vr = dictionary_VR(tag_for_keyword(keyword))
        if vr in _TEXT_VRS:
            for target in (ds, inner):
                setattr(target, keyword, SECRET)
        elif vr in ("DA", "TM", "DT"):
            setattr(ds, keyword, {"DA": "19770707", "TM": "070707", "DT": "19770707070707"}[vr])
    inner.ReferencedSOPInstanceUID, inner.ReferencedSOPClassUID = ds.SOPInstanceUID, ds.SOPClassUID
    ds.SourceImageSequence = Sequence([inner])
    block = ds.private_block(0x0009, f"{SECRET} CORP", create=True)
    block.add_new(1, "LO", SECRET)
    ds.add_new(0x60000022, "LO", SECRET)
    ds.add_new(0x00091999, "UN", SECRET.encode())
    return ds


def test_every_listed_attribute_exists_in_the_dictionary() -> None:
    assert [keyword for keyword in sorted(listed()) if tag_for_keyword(keyword) is None] == []


def test_no_planted_secret_is_left_in_the_bytes(tmp_path: Path) -> None:
    ds = full()
    assert SECRET.encode() in saved(ds)
    clean = saved(basic_profile(ds))
    for secret in (SECRET, "Doe^Jane", "19770707", "20240102", "101112", ds.SOPInstanceUID, ds.StudyInstanceUID):
        assert str(secret).encode() not in clean, secret
    assert SECRET.encode() in saved(ds)


def test_what_an_image_needs_is_still_there(tmp_path: Path) -> None:
    ds = film()
    path = write(basic_profile(ds), tmp_path / "a.dcm")
    clean = pydicom.dcmread(path)
    assert clean.PixelData == ds.PixelData
    for keyword in (
        "Rows",
        "Columns",
        "BitsStored",
        "PhotometricInterpretation",
        "ViewPosition",
        "Modality",
        "SOPClassUID",
    ):
        assert clean[keyword].value == ds[keyword].value
    for keyword in ("PatientName", "PatientID", "StudyDate", "StudyTime"):
        assert keyword in clean
        assert not clean[keyword].value


def test_uids_are_replaced_alike_everywhere() -> None:
    clean = basic_profile(full())
    assert clean.SOPInstanceUID == hashed_uid(film().SOPInstanceUID)
    assert clean.SourceImageSequence[0].ReferencedSOPInstanceUID == clean.SOPInstanceUID
    assert clean.SourceImageSequence[0].ReferencedSOPClassUID == film().SOPClassUID
    assert basic_profile(full(), key=b"k").SOPInstanceUID != clean.SOPInstanceUID


def test_the_result_says_that_and_how_it_was_made() -> None:
    clean = basic_profile(film(), keep={"dates", "patient-characteristics"})
    assert clean.PatientIdentityRemoved == "YES"
    assert clean.LongitudinalTemporalInformationModified == "UNMODIFIED"
    said = {(item.CodeValue, item.CodingSchemeDesignator) for item in clean.DeidentificationMethodCodeSequence}
    known = codes.CID7050
    named = (
        known.BasicApplicationConfidentialityProfile,
        known.RetainLongitudinalTemporalInformationFullDatesOption,
        known.RetainPatientCharacteristicsOption,
    )
    assert said == {(code.value, code.scheme_designator) for code in named}


@pytest.mark.parametrize(
    ("keep", "keyword"),
    [
        ("dates", "StudyDate"),
        ("uids", "StudyInstanceUID"),
        ("device", "StationName"),
        ("institution", "InstitutionName"),
        ("patient-characteristics", "PatientAge"),
        ("descriptors", "SeriesDescription"),
    ],
)
def test_a_kept_group_stays_and_no_other(keep: str, keyword: str) -> None:
    clean, bare = basic_profile(full(), keep={keep}), basic_profile(full())
    assert clean[keyword].value == full()[keyword].value
    assert not bare.get(keyword) or bare[keyword].value != full()[keyword].value
    assert not clean.PatientName
    assert not clean.get("PatientBirthDate")


def test_an_unknown_option_is_an_error() -> None:
    with pytest.raises(InputError, match="names: choose from"):
        basic_profile(film(), keep={"names"})  # type: ignore[arg-type]


def test_file_meta_keeps_no_trace(tmp_path: Path) -> None:
    path = write(film(), tmp_path / "a.dcm")
    ds = pydicom.dcmread(path)
    ds.file_meta.SourceApplicationEntityTitle = SECRET
    clean = basic_profile(ds)
    assert clean.file_meta.MediaStorageSOPInstanceUID == clean.SOPInstanceUID
    clean.save_as(tmp_path / "b.dcm", enforce_file_format=True)
    assert SECRET.encode() not in (tmp_path / "b.dcm").read_bytes()


def test_real_films_lose_their_identifiers(pack: Path) -> None:
    for path in sorted((pack / "dicom").iterdir()):
        ds = pydicom.dcmread(path, force=True)
        clean = basic_profile(ds)
        assert not clean.get("PatientName")
        assert not clean.get("PatientID")
        assert str(ds.StudyInstanceUID) not in str(clean)


@given(st.text(max_size=80))
def test_hashed_uids_are_valid_stable_and_unlike(uid: str) -> None:
    fresh = hashed_uid(uid)
    assert UID(fresh).is_valid
    assert len(fresh) <= 64
    assert fresh == hashed_uid(uid) != hashed_uid(uid + "1")
    number = int(fresh.removeprefix("2.25."))
    assert (number >> 76 & 0xF, number >> 62 & 0x3) == (8, 2)


@given(st.text(min_size=1, max_size=40))
def test_pseudonyms_are_stable_short_and_depend_on_the_key(text: str) -> None:
    assert re.fullmatch(r"patient-[0-9a-f]{10}", pseudonym(text, "patient"))
    assert pseudonym(text, "patient") == pseudonym(text, "patient-") != pseudonym(text, "patient", key=b"secret")
    assert pseudonym("", "patient") == ""


@pytest.mark.parametrize(
    ("value", "words"), [("YES", "declares burned-in"), ("NO", "no burned-in"), (None, "does not say")]
)
def test_burned_in_text_is_told_from_the_header_and_never_claimed_checked(value: str | None, words: str) -> None:
    ds = film(BurnedInAnnotation=value) if value else film()
    assert words in burned_in(ds)
    assert re.search(r"not checked", burned_in(ds))
