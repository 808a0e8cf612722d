"""Grayscale softcopy presentation state: boxes and labels over a film, in the film's own window."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items

from hilum.core.errors import InputError
from hilum.core.finding import Finding
from hilum.core.image import Image, MadeBy
from hilum.core.region import Box, Mask, Points
from hilum.io.codes import line
from hilum.io.derived import CAUTION_TEXT, derived, reference
from hilum.io.paint import words
from hilum.io.save import seal
from hilum.io.sr import outline

GSPS = "1.2.840.10008.5.1.4.1.1.11.1"
LAYER = "HILUM"


def presentation_state(image: Image, findings: Sequence[Finding], header: Dataset, *, made_by: MadeBy) -> Dataset:
    """Write the regions of one film's findings as closed polylines with labels.

    The state carries graphics, not a window of ours: modality and VOI transformations are the film's own,
    copied from its header, because a viewer that applies a state without them shows raw values.

    Args:
        image: the film; regions on other images are left out.
        findings: their regions in pixels of the film.
        header: from `header.film_header`.
        made_by: the model.

    Returns:
        A sealed presentation state.
    """
    ds = derived(header, sop_class=GSPS, modality="PR", series=9003, made_by=made_by, what="Boxes")
    ds.ContentLabel, ds.ContentDescription, ds.ContentCreatorName = "HILUM", CAUTION_TEXT, ""
    ds.PresentationCreationDate, ds.PresentationCreationTime = ds.ContentDate, ds.ContentTime
    del ds.ContentDate, ds.ContentTime
    ds.BodyPartExamined = "CHEST"
    entry = Dataset()
    entry.SeriesInstanceUID = header.SeriesInstanceUID
    entry.ReferencedImageSequence = Items([reference(header)])
    ds.ReferencedSeriesSequence = Items([entry])
    ds.DisplayedAreaSelectionSequence = Items([_whole(header)])
    ds.GraphicLayerSequence = Items([_layer(made_by)])
    ds.GraphicAnnotationSequence = Items(
        [
            _annotation(header, [_polyline(region)], [_label(region, words(finding))])
            for finding in findings
            for region in finding.regions
            if region.image in ("", image.id) and outline(region)
        ]
        + [_annotation(header, [], [_caution(made_by)])]
    )
    _film_grey_scale(ds, header, inverted=image.inverted)
    return seal(ds)


def read_boxes(ds: Dataset) -> list[tuple[Box, str]]:
    """Read back (box, label) of every annotation that has an outline; pixels of the film it refers to.

    Raises:
        InputError: if the graphics are not in pixels of the image.
    """
    found = []
    for item in ds.get("GraphicAnnotationSequence") or ():
        labels = [str(text.UnformattedTextValue) for text in item.get("TextObjectSequence") or ()]
        film = str(item.ReferencedImageSequence[0].ReferencedSOPInstanceUID)
        for graphic in item.get("GraphicObjectSequence") or ():
            if graphic.GraphicAnnotationUnits != "PIXEL":
                raise InputError(f"expected graphics in PIXEL units, got {graphic.GraphicAnnotationUnits}")
            xs, ys = list(graphic.GraphicData)[0::2], list(graphic.GraphicData)[1::2]
            found.append((Box(min(xs), min(ys), max(xs), max(ys), image=film), labels[0] if labels else ""))
    return found


def _whole(header: Dataset) -> Dataset:
    """Show the whole film, fitted; pixel numbers here start at 1."""
    item = Dataset()
    item.DisplayedAreaTopLeftHandCorner = [1, 1]
    item.DisplayedAreaBottomRightHandCorner = [int(header.Columns), int(header.Rows)]
    item.PresentationSizeMode = "SCALE TO FIT"
    spacing = header.get("PixelSpacing") or header.get("ImagerPixelSpacing")
    if spacing:
        item.PresentationPixelSpacing = list(spacing)
    else:
        item.PresentationPixelAspectRatio = ["1", "1"]
    return item


def _layer(made_by: MadeBy) -> Dataset:
    item = Dataset()
    item.GraphicLayer, item.GraphicLayerOrder = LAYER, 1
    item.GraphicLayerDescription = line(f"{made_by.name} {made_by.version} ({CAUTION_TEXT})")
    item.GraphicLayerRecommendedDisplayGrayscaleValue = 65535
    return item


def _annotation(header: Dataset, graphics: list[Dataset], texts: list[Dataset]) -> Dataset:
    item = Dataset()
    item.ReferencedImageSequence = Items([reference(header)])
    item.GraphicLayer = LAYER
    if graphics:
        item.GraphicObjectSequence = Items(graphics)
    item.TextObjectSequence = Items(texts)
    return item


def _polyline(region: Box | Mask | Points) -> Dataset:
    item, data = Dataset(), outline(region)
    item.GraphicAnnotationUnits, item.GraphicDimensions = "PIXEL", 2
    item.NumberOfGraphicPoints, item.GraphicData = len(data) // 2, data
    item.GraphicType, item.GraphicFilled = "POLYLINE", "N"
    return item


def _label(region: Box | Mask | Points, text: str) -> Dataset:
    item, data = Dataset(), outline(region)
    item.AnchorPointAnnotationUnits = "PIXEL"
    item.UnformattedTextValue = text
    item.AnchorPoint, item.AnchorPointVisibility = [min(data[0::2]), min(data[1::2])], "N"
    return item


def _caution(made_by: MadeBy) -> Dataset:
    """Place the caution in the lower left corner of the display, whatever the zoom."""
    item = Dataset()
    item.BoundingBoxAnnotationUnits = "DISPLAY"
    item.BoundingBoxTopLeftHandCorner, item.BoundingBoxBottomRightHandCorner = [0.01, 0.96], [0.99, 0.99]
    item.BoundingBoxTextHorizontalJustification = "LEFT"
    item.UnformattedTextValue = f"{CAUTION_TEXT}: {made_by}"
    return item


def _film_grey_scale(ds: Dataset, header: Dataset, *, inverted: bool) -> None:
    """Copy the film's own grey-scale pipeline; polarity is last, as everywhere."""
    for keyword in ("ModalityLUTSequence", "RescaleIntercept", "RescaleSlope", "RescaleType"):
        if keyword in header:
            setattr(ds, keyword, deepcopy(header.get(keyword)))
    voi = Dataset()
    for keyword in ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"):
        if keyword in header:
            setattr(voi, keyword, deepcopy(header.get(keyword)))
    if len(voi):
        ds.SoftcopyVOILUTSequence = Items([voi])
    ds.PresentationLUTShape = "INVERSE" if inverted else "IDENTITY"
