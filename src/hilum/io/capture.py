"""Secondary capture: the film with everything drawn on it, for any viewer that shows pictures."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.region import Mask
from hilum.io.codes import line
from hilum.io.derived import CAUTION_TEXT, derived, reference
from hilum.io.header import SECONDARY_CAPTURE
from hilum.io.paint import paint
from hilum.io.save import seal

LONGEST = 1536
"""Longer side in pixels: legible labels, 7 MB at most. The film itself stays the thing to read."""


def secondary_capture(
    image: Image,
    findings: Sequence[Finding],
    masks: Sequence[Mask],
    header: Dataset,
    *,
    made_by: MadeBy,
    opacity: float = 0.9,
    longest: int = LONGEST,
) -> Dataset:
    """Write the painted film as an RGB picture.

    Text that was burned into the film stays in the picture, whatever the header hides. Stored
    uncompressed: every viewer reads it, and the grain of a film in three channels gains little from
    run lengths.

    Args:
        image: the film.
        findings: drawn as boxes with labels.
        masks: drawn as contours.
        header: from `header.film_header`.
        made_by: the model; named in the picture and in the header.
        opacity: of the drawings, [0, 1].
        longest: longer side of the picture in pixels; a film is never enlarged.

    Returns:
        A sealed Secondary Capture image, DERIVED, with burned-in annotation.
    """
    picture = paint(image, findings, masks, opacity=opacity, longest=longest, made_by=made_by)
    rows, columns = picture.shape[:2]
    ds = derived(header, sop_class=SECONDARY_CAPTURE, modality="OT", series=9004, made_by=made_by, what="Overview")
    for keyword in ("PatientIdentityRemoved", "DeidentificationMethod"):
        if keyword in ds:  # the film's pixels are copied unread: text burned into them would make this a lie
            delattr(ds, keyword)
    ds.ConversionType, ds.ImageType = "WSD", ["DERIVED", "SECONDARY"]
    ds.BurnedInAnnotation = "YES"
    ds.BodyPartExamined = "CHEST"
    ds.PatientOrientation = header.get("PatientOrientation") or ""
    ds.DerivationDescription = f"{CAUTION_TEXT}. Findings of {line(made_by, 200)} drawn on a copy of the film."
    ds.ImageComments = f"{CAUTION_TEXT}. Not for diagnosis. Weights sha256 {made_by.sha256 or 'none'}."
    ds.SourceImageSequence = Items([reference(header)])
    if image.spacing_mm and image.spacing_plane == "patient":
        scale = (header.Rows / rows, header.Columns / columns)
        ds.PixelSpacing = [f"{step * factor:.10g}" for step, factor in zip(image.spacing_mm, scale, strict=True)]
    ds.Rows, ds.Columns = rows, columns
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    ds.LossyImageCompression = "00"
    data = picture.tobytes()
    ds.PixelData = data + b"\0" * (len(data) % 2)
    ds["PixelData"].VR = "OB"
    return seal(ds)
