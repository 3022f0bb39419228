"""Words in pixels, looked for by Tesseract."""

import shutil
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image, ImageDraw

from medplatform.modalities.imaging.codec import decode
from medplatform.modalities.imaging.deidentify import Policy, Treatment, pixel_treatment
from medplatform.modalities.imaging.deidentify.burned_in import MAY_SHOW_TEXT
from medplatform.modalities.imaging.deidentify.words import find_words, treat
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.flatten.tree import flatten_dataset
from medplatform.modalities.imaging.isolation import Opened, ReadingProcess
from medplatform.modalities.imaging.records import FrameCell
from medplatform_tests.modalities.imaging.deidentify.conftest import make

pytest.importorskip("pytesseract")
pytestmark = pytest.mark.skipif(not shutil.which("tesseract"), reason="no Tesseract here")


def frame(text: str) -> np.ndarray:
    """A dim picture with a line of white text."""
    picture = Image.fromarray(np.tile(np.linspace(0, 60, 320).astype(np.uint8), (240, 1)))
    ImageDraw.Draw(picture).text((20, 10), text, fill=255, font_size=20)
    return np.asarray(picture)


def test_words_are_found_where_they_stand() -> None:
    found = find_words(frame("DOE JANE 1950"))
    assert found
    assert all(top < 45 and bottom < 60 for _, top, _, bottom in found)


def test_a_picture_without_words_has_none() -> None:
    assert find_words(frame("")) == ()


def test_words_are_blanked() -> None:
    assert frame("DOE JANE 1950").max() == 255
    assert treat(frame("DOE JANE 1950"), Treatment(words="blank")).max() < 70


def test_words_refuse_the_image() -> None:
    with pytest.raises(Unusable) as raised:
        treat(frame("DOE JANE 1950"), Treatment(words="refuse"))
    assert raised.value.failure.code == MAY_SHOW_TEXT


def test_an_image_of_which_nothing_is_known_is_taken_if_no_words_are_found() -> None:
    elements = flatten_dataset(make(Modality="US"))
    for ocr in ("refuse", "blank"):
        found = pixel_treatment(elements, Policy(ocr=ocr))
        assert found == Treatment(words=ocr, is_clean=False), "a guess stamps nothing"


def test_words_are_not_looked_for_in_images_that_were_measured() -> None:
    assert pixel_treatment(flatten_dataset(make(Modality="CT")), Policy(ocr="blank")) == Treatment()


def test_words_are_found_beside_values_that_are_no_numbers() -> None:
    pixels = frame("DOE JANE 1950").astype(np.float32)
    pixels[-20:] = np.nan
    assert find_words(pixels)
    assert find_words(np.full((20, 20), np.nan, np.float32)) == ()


def test_words_in_a_picture_or_volume_are_blanked(tmp_path: Path) -> None:
    shown = frame("DOE JANE 1950")
    picture, volume = tmp_path / "a.png", tmp_path / "a.nii"
    Image.fromarray(shown).save(picture)
    nibabel.Nifti1Image(shown.T[:, :, np.newaxis], np.eye(4)).to_filename(volume)
    with ReadingProcess(policy=Policy(ocr="blank")) as process:
        for task, path in (("picture", picture), ("volume", volume)):
            for name, is_shown in ((task, True), (f"screened {task}", False)):
                opened = process.read(name, path)
                assert isinstance(opened, Opened)
                (cell,) = opened.cells
                assert isinstance(cell, FrameCell)
                pixels = decode(cell.codec, cell.pixels, dtype=cell.dtype, shape=shown.shape)
                assert (pixels.max() > 200) == is_shown
