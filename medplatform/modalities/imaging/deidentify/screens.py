"""What the attributes of an image say about text in it: its modality, its making, its regions."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from medplatform.modalities.imaging.flatten import Element

ULTRASOUND_REGIONS = "00186011"
_CORNERS = ("00186018", "0018601A", "0018601C", "0018601E")
_TEXTS = {
    "00080008": "ImageType",
    "00080016": "SOPClassUID",
    "00080060": "Modality",
    "00080064": "ConversionType",
    "00080070": "Manufacturer",
    "0008103E": "SeriesDescription",
    "00081090": "ManufacturerModelName",
    "00020013": "ImplementationVersionName",
    "00180015": "BodyPartExamined",
    "00181030": "ProtocolName",
    "00280004": "PhotometricInterpretation",
    "00280301": "BurnedInAnnotation",
    "00400310": "CommentsOnRadiationDose",
    "00480010": "SpecimenLabelInImage",
    "60000022": "OverlayDescription",
}
_NUMBERS = {"00280010": "Rows", "00280011": "Columns", "00281051": "WindowWidth"}
_TAG = 8
_READ = frozenset(_TEXTS) | frozenset(_NUMBERS)

NATIVE = frozenset(
    {"CT", "MR", "PT", "NM", "DX", "CR", "MG", "IO", "PX", "RG", "XA", "RF", "OP", "OPT", "OPTENF"}
    | {"OCT", "IVOCT", "SM", "GM", "RTIMAGE", "RTDOSE", "SEG", "BI", "TG", "BMD", "OPV", "KER"}
    | {"AR", "LEN", "IOL", "M3D", "OSS"}
)
"""Modalities whose images show what was measured, and text only where they are captures."""

ULTRASOUND = frozenset({"US", "BDUS", "IVUS"})

_SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.20": "NM",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
    "1.2.840.10008.5.1.4.1.1.77.1.6": "SM",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.481.2": "RTDOSE",
}
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_CAPTURES = ("SCREEN", "SAVE", "CAPTURE", "REPORT", "DOSE", "DEMOGRAPHIC")
_DOCUMENTS = frozenset({"LABEL", "OVERVIEW"})
_SCANNED = frozenset({"SD", "DF", "DI"})
_COLOURLESS = frozenset({"CT", "MR", "PT", "CR", "DX", "MG", "IO", "PX", "XA", "RF"})
_HEADS = ("HEAD", "BRAIN", "SKULL", "FACE", "NECK", "SINUS", "ORBIT", "JAW", "EYE", "WHOLEBODY")
_VOLUMES = frozenset({"CT", "MR", "PT"})
_PHOTOGRAPHS = frozenset({"XC"})


@dataclass(slots=True)
class Screen:
    """The attributes of one image that bear on text in it; texts in capitals, `\\` between values.

    `ultrasound_regions` are left, top, right and bottom, the last two exclusive.
    """

    texts: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    ultrasound_regions: list[tuple[int, int, int, int]] = field(default_factory=list)

    @property
    def modality(self) -> str:
        """Modality (0008,0060), else that of the SOP class, else OT."""
        named = self.texts.get("Modality", "").strip()
        return named or _SOP_CLASSES.get(self.texts.get("SOPClassUID", ""), "OT")

    @property
    def rows(self) -> float:
        """Rows of a frame."""
        return self.numbers.get("Rows", 0)

    @property
    def says_text(self) -> bool:
        """Whether Burned In Annotation says that there is text that identifies."""
        return self.texts.get("BurnedInAnnotation") == "YES"

    @property
    def says_no_text(self) -> bool:
        """Whether Burned In Annotation says that there is none."""
        return self.texts.get("BurnedInAnnotation") == "NO"

    @property
    def is_suspect(self) -> bool:
        """Whether the modality usually shows text, or the image was captured from a screen."""
        if self.modality not in NATIVE:
            return True
        if self.is_capture:
            return self.modality != "SEG"
        if any(word in self.texts.get("ImageType", "") for word in _CAPTURES):
            return self.modality != "RTDOSE"
        is_colour = self.texts.get("PhotometricInterpretation", "").startswith(("RGB", "YBR"))
        return is_colour and self.modality in _COLOURLESS

    @property
    def is_capture(self) -> bool:
        """Whether the object is a secondary capture, of one frame or several (PS3.3 A.8)."""
        found = self.texts.get("SOPClassUID", "")
        return found == _SECONDARY_CAPTURE or found.startswith(f"{_SECONDARY_CAPTURE}.")

    @property
    def shows_document(self) -> bool:
        """Whether the image is of a label or a document, which nobody's word makes clean."""
        kinds = set(self.texts.get("ImageType", "").split("\\"))
        return (
            bool(kinds & _DOCUMENTS)
            or self.texts.get("ConversionType") in _SCANNED
            or self.texts.get("SpecimenLabelInImage") == "YES"
        )

    @property
    def may_show_face(self) -> bool:
        """Whether a face may be made of the image: a head in layers, or a photograph."""
        if self.modality in _PHOTOGRAPHS:
            return True
        body_part = self.texts.get("BodyPartExamined", "").replace(" ", "")
        is_head = not body_part or any(part in body_part for part in _HEADS)
        return self.modality in _VOLUMES and is_head


def read_screen(elements: Iterable[Element]) -> Screen:
    """Find the attributes among the elements of a data set."""
    screen = Screen()
    regions: dict[str, dict[str, float]] = {}
    for element in elements:
        path = element.path
        if len(path) > _TAG:
            if path.startswith(ULTRASOUND_REGIONS) and element.number and path.count("[") == 1:
                regions.setdefault(path[:-_TAG], {})[path[-_TAG:]] = element.number[0]
        elif path in _READ:
            if path in _TEXTS and element.text:
                screen.texts[_TEXTS[path]] = "\\".join(element.text).upper()
            elif path in _NUMBERS and element.number:
                screen.numbers[_NUMBERS[path]] = element.number[0]
    for found in regions.values():
        if all(corner in found for corner in _CORNERS):
            left, top, right, bottom = (int(found[corner]) for corner in _CORNERS)
            screen.ultrasound_regions.append((left, top, right + 1, bottom + 1))
    return screen
