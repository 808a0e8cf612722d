"""PS3.15 Basic Application Level Confidentiality Profile for headers; pixels are not looked at, and it says so."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal, get_args

from hilum.core.errors import InputError

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset

Keep = Literal["uids", "dates", "patient-characteristics", "device", "institution", "descriptors"]
"""Options of PS3.15 E.3 that retain a group of attributes."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_METHOD = "BasicApplicationConfidentialityProfile"
_OPTION: dict[str, str] = {
    "uids": "RetainUidsOption",
    "dates": "RetainLongitudinalTemporalInformationFullDatesOption",
    "patient-characteristics": "RetainPatientCharacteristicsOption",
    "device": "RetainDeviceIdentityOption",
    "institution": "RetainInstitutionIdentityOption",
}
# 'descriptors' has no code here: the standard's option means text that was cleaned, and Hilum does not clean it.

_EMPTIED = _words(
    """
    AccessionNumber ReferringPhysicianName PatientName PatientID PatientBirthDate PatientSex StudyID
    StudyDate StudyTime ContentDate ContentTime AcquisitionDate AcquisitionTime SeriesDate SeriesTime
    PositionReferenceIndicator ConsultingPhysicianName ContentCreatorName VerifyingObserverName
    FillerOrderNumberImagingServiceRequest PlacerOrderNumberImagingServiceRequest ContrastBolusAgent
    """
)
_DESCRIPTORS = _words(
    """
    StudyDescription SeriesDescription ProtocolName AcquisitionComments
    AcquisitionDeviceProcessingDescription AcquisitionProtocolDescription AdmittingDiagnosesDescription
    DerivationDescription ImageComments RequestedProcedureDescription PerformedProcedureStepDescription
    ReasonForStudy RequestedContrastAgent PatientComments AdditionalPatientHistory MedicalAlerts
    Allergies StudyComments VisitComments ReasonForTheRequestedProcedure RequestedProcedureComments
    ReasonForTheImagingServiceRequest ImagingServiceRequestComments ScheduledProcedureStepDescription
    CommentsOnThePerformedProcedureStep InterpretationText Impressions ResultsComments FrameComments
    ContributionDescription TextString TextValue UnformattedTextValue
    """
)
_DEVICE = _words(
    """
    StationName DeviceSerialNumber DeviceUID PlateID DetectorID GantryID CassetteID GeneratorID
    ScheduledStationName PerformedStationName ScheduledStationAETitle PerformedStationAETitle
    DeviceLabel DeviceDescription LongDeviceDescription DateOfSecondaryCapture SecondaryCaptureDeviceID
    DigitizingDeviceTransportDirection ManufacturerDeviceIdentifier UniqueDeviceIdentifier
    DetectorDescription
    """
)
_INSTITUTION = _words(
    """
    InstitutionName InstitutionAddress InstitutionalDepartmentName InstitutionCodeSequence
    InstitutionalDepartmentTypeCodeSequence
    """
)
_CHARACTERISTICS = _words(
    """
    PatientAge PatientSize PatientWeight EthnicGroup SmokingStatus PregnancyStatus PatientState
    SpecialNeeds PatientSexNeutered PatientSpeciesDescription PatientBodyMassIndex
    """
)
_REMOVED = _words(
    """
    OtherPatientIDs OtherPatientIDsSequence OtherPatientNames PatientBirthName PatientMotherBirthName
    PatientBirthTime PatientAddress PatientTelephoneNumbers PatientTelecomInformation IssuerOfPatientID
    IssuerOfPatientIDQualifiersSequence PatientReligiousPreference PatientInsurancePlanCodeSequence
    PatientPrimaryLanguageCodeSequence MilitaryRank BranchOfService CountryOfResidence RegionOfResidence
    MedicalRecordLocator Occupation ResponsiblePerson ResponsibleOrganization ResponsiblePersonRole
    CurrentPatientLocation PatientInstitutionResidence ConfidentialityConstraintOnPatientDataDescription
    OperatorsName OperatorIdentificationSequence PerformingPhysicianName
    PerformingPhysicianIdentificationSequence PhysiciansOfRecord
    PhysiciansOfRecordIdentificationSequence PhysiciansReadingStudyIdentificationSequence
    NameOfPhysiciansReadingStudy ReferringPhysicianAddress ReferringPhysicianIdentificationSequence
    ReferringPhysicianTelephoneNumbers RequestingPhysician RequestingService AdmissionID
    IssuerOfAdmissionIDSequence AdmittingDate AdmittingTime AdmittingDiagnosesCodeSequence
    ServiceEpisodeID ServiceEpisodeDescription IssuerOfServiceEpisodeIDSequence
    RequestAttributesSequence RequestedProcedureID ScheduledProcedureStepID PerformedProcedureStepID
    ReferencedPatientSequence ReferencedStudySequence ReferencedPerformedProcedureStepSequence
    ReferencedPatientAliasSequence ReferencedVisitSequence OriginalAttributesSequence
    ModifiedAttributesSequence DigitalSignaturesSequence MACParametersSequence
    EncryptedAttributesSequence IconImageSequence PersonIdentificationCodeSequence PersonAddress
    PersonTelephoneNumbers OrderEnteredBy OrderEntererLocation OrderCallbackPhoneNumber
    NamesOfIntendedRecipientsOfResults VerifyingObserverIdentificationCodeSequence VerifyingOrganization
    AuthorObserverSequence ParticipantSequence CustodialOrganizationSequence
    ContributingEquipmentSequence InstanceCreatorUID TimezoneOffsetFromUTC StorageMediaFileSetID
    ContentCreatorIdentificationCodeSequence ContentSequence ActualHumanPerformersSequence
    DataSetTrailingPadding TextComments IdentifyingComments IssuerOfAccessionNumberSequence
    """
)
# A UID that names a class, a coding scheme or a syntax identifies nobody, and changing it breaks the object.
_CLASS_UIDS = (
    "ClassUID",
    "TransferSyntaxUID",
    "ContextUID",
    "MappingResourceUID",
    "CodingSchemeUID",
    "DICOMMediaStorage",
)
_FREE_TEXT, _DATES = frozenset({"LT", "UT", "ST", "UN", "UR"}), frozenset({"DA", "TM", "DT"})
_TEXT_FREE_OF_IDENTITY = frozenset({"LossyImageCompressionMethod", "DeidentificationMethod"})


def hashed_uid(uid: str, *, key: bytes = b"") -> str:
    """Return a UID '2.25.…' made from `uid` alone: the same every time, and not to be turned back.

    Args:
        uid: the UID to replace.
        key: a secret that keeps others from testing guesses; b"" gives the same UID everywhere.

    Returns:
        At most 44 characters, valid by PS3.5 B.2 (a version 8 UUID as a whole number).
    """
    value = int.from_bytes(_digest(uid, key)[:16], "big")
    value = (value & ~(0xF << 76)) | (0x8 << 76)
    return f"2.25.{(value & ~(0x3 << 62)) | (0x2 << 62)}"


def pseudonym(text: str, prefix: str, *, key: bytes = b"") -> str:
    """Return '<prefix>-' and 10 hexadecimal digits made from `text`; '' for ''.

    Without a key, whoever can list all possible numbers of a hospital can find the one behind a pseudonym.
    """
    return f"{prefix.rstrip('-')}-{_digest(text, key).hex()[:10]}" if text else ""


def basic_profile(ds: Dataset, *, keep: Collection[Keep] = (), key: bytes = b"") -> Dataset:
    """Return a copy of a dataset by the Basic Profile of PS3.15 E.1-1, stricter where a list cannot be complete.

    Beyond the listed attributes, every person name, date, free text and unknown value, private tag,
    curve and overlay goes too, at any depth. UIDs are replaced so that references between objects
    still agree. Pixels are copied as they are: burned-in text is not looked for (see `burned_in`).

    Args:
        ds: the dataset; not changed.
        keep: groups to retain, each recorded as its option code ('descriptors': no code, read it first).
        key: secret for `hashed_uid`.

    Raises:
        InputError: if `keep` names an unknown group.
    """
    unknown = sorted(set(keep) - set(get_args(Keep)))
    if unknown:
        raise InputError(f"cannot keep {', '.join(unknown)}: choose from {', '.join(get_args(Keep))}")
    result = _cleaned(ds, frozenset(keep), key)
    meta = getattr(ds, "file_meta", None)
    if meta is not None:
        from pydicom.dataset import FileMetaDataset

        result.file_meta = FileMetaDataset()
        for keyword in ("MediaStorageSOPClassUID", "TransferSyntaxUID"):
            if keyword in meta:
                setattr(result.file_meta, keyword, getattr(meta, keyword))
        if "SOPInstanceUID" in result:
            result.file_meta.MediaStorageSOPInstanceUID = result.SOPInstanceUID
    _sign(result, frozenset(keep))
    return result


def burned_in(ds: Dataset) -> str:
    """Return one sentence on text in the pixels, from Burned In Annotation (0028,0301) alone."""
    declared = str(ds.get("BurnedInAnnotation") or "").strip().upper()
    if declared == "YES":
        return "The header declares burned-in text (0028,0301 = YES): the pixels may name the patient; not checked."
    if declared == "NO":
        return "The header declares no burned-in text (0028,0301 = NO); the pixels were not checked."
    return "The header does not say whether text is burned into the pixels (0028,0301); not checked."


def _digest(text: str, key: bytes) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return hmac.new(key, data, hashlib.sha256).digest() if key else hashlib.sha256(data).digest()


def _cleaned(ds: Dataset, keep: frozenset[str], key: bytes) -> Dataset:
    from copy import deepcopy

    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset as NewDataset
    from pydicom.sequence import Sequence

    result = NewDataset()
    for element in ds:
        action = _action(element, keep)
        if action == "remove":
            continue
        if action == "empty":
            result.add(DataElement(element.tag, element.VR, None))
        elif action == "uid":
            several = element.VM > 1
            fresh = [
                hashed_uid(str(uid), key=key) for uid in (element.value if several else [element.value or ""]) if uid
            ]
            result.add(DataElement(element.tag, "UI", fresh if several else "".join(fresh)))
        elif element.VR == "SQ":
            result.add(
                DataElement(element.tag, "SQ", Sequence(_cleaned(item, keep, key) for item in element.value or []))
            )
        else:
            result.add(deepcopy(element))
    return result


def _action(element: DataElement, keep: frozenset[str]) -> Literal["keep", "remove", "empty", "uid"]:
    """Return what the profile does with one element."""
    keyword, vr, group = element.keyword, str(element.VR), element.tag.group
    if element.tag.is_private or group & 0xFF00 in (0x5000, 0x6000) or element.tag.element == 0:
        return "remove"
    for name, listed in (("patient-characteristics", _CHARACTERISTICS), ("device", _DEVICE)):
        if keyword in listed:
            return "keep" if name in keep and vr not in _DATES else "remove"
    if keyword in _INSTITUTION:
        return "keep" if "institution" in keep else "remove"
    if keyword in _DESCRIPTORS:
        return "keep" if "descriptors" in keep else "remove"
    if keyword == "PatientSex" and "patient-characteristics" in keep:
        return "keep"
    if vr in _DATES and keyword not in _REMOVED and "PatientBirth" not in keyword and "dates" in keep:
        return "keep"
    if keyword in _REMOVED:
        return "remove"
    if keyword in _EMPTIED or vr == "PN" or vr in _DATES:
        return "empty"
    if vr == "UI":
        return "keep" if "uids" in keep or keyword.endswith(_CLASS_UIDS) else "uid"
    return "remove" if vr in _FREE_TEXT and keyword not in _TEXT_FREE_OF_IDENTITY else "keep"


def _sign(ds: Dataset, keep: frozenset[str]) -> None:
    from pydicom.dataset import Dataset as NewDataset
    from pydicom.sr.codedict import codes

    methods = []
    for name in (_METHOD, *(_OPTION[group] for group in sorted(keep) if group in _OPTION)):
        code, item = getattr(codes.CID7050, name), NewDataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
        methods.append(item)
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethodCodeSequence = methods
    ds.LongitudinalTemporalInformationModified = "UNMODIFIED" if "dates" in keep else "REMOVED"
