"""Pixel data in all its layouts becomes the frames that it stands for, or is refused."""

import shutil
import subprocess
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from medplatform.modalities.imaging.decode import decode_frames
from medplatform.modalities.imaging.decoders import (
    DEFLATED_IMAGE_FRAME,
    ENCAPSULATED_UNCOMPRESSED,
    inflate,
)
from medplatform.modalities.imaging.description import (
    check_size,
    settle_description,
    settle_transfer_syntax,
)
from medplatform.modalities.imaging.errors import Unusable
from medplatform.modalities.imaging.opening import open_dataset
from medplatform.modalities.imaging.records import Header, Limits
from medplatform_tests.modalities.imaging.conftest import describe_pixels, make_image, save

PROGRESSIVE = UID("1.2.840.10008.1.2.4.55")
MPEG4 = UID("1.2.840.10008.1.2.4.102")
RAMP = np.arange(16 * 24, dtype=np.uint16).reshape(16, 24) * 5
GREY = (RAMP % 251).astype(np.uint8)
COLOUR = np.stack([GREY, GREY[::-1], np.full_like(GREY, 90)], axis=2)


def decode(path: Path, header: Header | None = None) -> tuple[list[np.ndarray], str]:
    """All frames of a file, and their photometric interpretation."""
    header = header or Header()
    dataset = open_dataset(path, Limits())
    settle_transfer_syntax(dataset, header)
    settle_description(dataset, header)
    check_size(dataset, Limits())
    found = list(decode_frames(dataset))
    return [array for array, _ in found], found[0][1]


def refusal(path: Path) -> tuple[str, str | None]:
    """Code and element for which a file is refused."""
    with pytest.raises(Unusable) as error:
        decode(path)
    return error.value.failure.code, error.value.failure.element


def compressed(
    frames: list[bytes], pixels: np.ndarray, path: Path, syntax: UID, **elements: object
) -> Path:
    """A file of compressed frames, each of the shape of `pixels`."""
    dataset = make_image(pixels, **elements)
    if len(frames) > 1:
        dataset.NumberOfFrames = len(frames)
    dataset.PixelData = encapsulate(frames)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    if syntax.is_transfer_syntax and not syntax.is_private:
        return save(dataset, path, syntax)
    save(dataset, path, JPEGLSLossless)  # pydicom writes only what it knows
    written, wanted = (uid.encode().ljust(22, b"\0") for uid in (JPEGLSLossless, syntax))
    path.write_bytes(path.read_bytes().replace(written, wanted, 1))
    return path


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32"])
def test_integers_of_any_size_and_sign(dtype: str, syntax: UID, tmp_path: Path) -> None:
    pixels = np.array([[0, 1, 2], [100, np.iinfo(dtype).min, np.iinfo(dtype).max]], dtype)
    (found,), photometric = decode(save(make_image(pixels), tmp_path / "1.dcm", syntax))
    assert found.dtype == dtype and np.array_equal(found, pixels)
    assert photometric == "MONOCHROME2"


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_floats(keyword: str, tmp_path: Path) -> None:
    dtype, vr = (np.float32, "OF") if keyword == "FloatPixelData" else (np.float64, "OD")
    pixels = np.array([[0.5, -1e30], [np.pi, 1e-30]], dtype)
    dataset = make_image(PixelData=None, PixelRepresentation=None, BitsStored=None, HighBit=None)
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = 8 * pixels.dtype.itemsize
    dataset.add_new(keyword, vr, pixels.tobytes())
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert found.dtype == dtype and np.array_equal(found, pixels)


def test_big_endian(tmp_path: Path) -> None:
    dataset = make_image(RAMP, PixelData=RAMP.astype(">u2").tobytes())
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm", ExplicitVRBigEndian))
    assert np.array_equal(found, RAMP)


def test_an_overlay_in_the_unused_bits_is_no_part_of_the_pixels(tmp_path: Path) -> None:
    pixels = RAMP & 0x0FFF
    dataset = make_image(pixels, PixelData=(pixels | 0xA000).tobytes(), BitsStored=12, HighBit=11)
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert np.array_equal(found, pixels)


def test_signed_pixels_of_fewer_bits_keep_their_sign(tmp_path: Path) -> None:
    pixels = np.array([[-2000, -1], [0, 2047]], np.int16)
    stored = (pixels & 0x0FFF).astype(np.int16)  # the sign is bit 11
    dataset = make_image(stored, BitsStored=12, HighBit=11)
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_stored_bits_may_be_the_high_ones(dtype: str, tmp_path: Path) -> None:
    pixels = np.array([[1, 2], [3, 2047]], dtype) * (-1 if dtype == "int16" else 1)
    dataset = make_image(pixels << 4 | 0x3, BitsStored=12, HighBit=15)
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert np.array_equal(found, pixels)


@pytest.mark.parametrize("frames", [1, 3])
def test_packed_bits_where_frames_begin_within_a_byte(frames: int, tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (frames, 5, 7)).astype(np.uint8)
    dataset = make_image(BitsAllocated=1, BitsStored=1, HighBit=0)
    describe_pixels(dataset, masks, frames=frames)
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 1, 1, 0
    packed = np.packbits(masks.ravel(), bitorder="little").tobytes()
    dataset.PixelData = packed + bytes(len(packed) % 2)
    found, _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert np.array_equal(np.stack(found), masks)


def test_two_pixels_in_three_bytes(tmp_path: Path) -> None:
    pixels = np.array([[0x123, 0xABC, 0xFFF], [0x001, 0x800, 0x7FF]], np.uint16)
    first, second = pixels.ravel()[::2], pixels.ravel()[1::2]
    cells = np.stack([first & 0xFF, first >> 8 | (second & 0xF) << 4, second >> 4], axis=1)
    dataset = make_image(pixels, BitsAllocated=12, BitsStored=12, HighBit=11)
    content = cells.astype(np.uint8).tobytes()
    dataset.PixelData = content + bytes(len(content) % 2)
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert found.tolist() == pixels.tolist()


def test_planes_are_interleaved(tmp_path: Path) -> None:
    planes = np.moveaxis(COLOUR, 2, 0).copy()
    dataset = make_image(COLOUR, PlanarConfiguration=1, PixelData=planes.tobytes())
    (found,), photometric = decode(save(dataset, tmp_path / "1.dcm"))
    assert np.array_equal(found, COLOUR) and photometric == "RGB"


def test_ybr_becomes_rgb(tmp_path: Path) -> None:
    grey = np.full((4, 4, 3), 128, np.uint8)
    grey[..., 0] = 77  # without chroma the luma is the grey
    dataset = make_image(grey, PhotometricInterpretation="YBR_FULL")
    (found,), photometric = decode(save(dataset, tmp_path / "1.dcm"))
    assert (found == 77).all() and photometric == "RGB"


def test_a_palette_becomes_rgb(tmp_path: Path) -> None:
    dataset = make_image(np.array([[0, 1], [2, 3]], np.uint8))
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    for colour, table in zip(("Red", "Green", "Blue"), np.eye(3, 4, 1), strict=True):
        lookup = (table * 255).astype(np.uint8)
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [4, 0, 8])
        setattr(dataset, f"{colour}PaletteColorLookupTableData", lookup.tobytes())
    (found,), photometric = decode(save(dataset, tmp_path / "1.dcm"))
    assert found.tolist() == [[[0, 0, 0], [255, 0, 0]], [[0, 255, 0], [0, 0, 255]]]
    assert photometric == "RGB"


def test_a_segmented_palette_becomes_rgb(tmp_path: Path) -> None:
    dataset = make_image(np.arange(4, dtype=np.uint8).reshape(2, 2))
    dataset.PhotometricInterpretation = "PALETTE COLOR"
    # A discrete segment of one entry, then a linear one of three up to 30 (PS3.3 C.7.9.2).
    segments = np.array([0, 1, 0, 1, 3, 30], np.uint16).tobytes()
    for colour in ("Red", "Green", "Blue"):
        setattr(dataset, f"{colour}PaletteColorLookupTableDescriptor", [4, 0, 16])
        setattr(dataset, f"Segmented{colour}PaletteColorLookupTableData", segments)
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert found[..., 0].tolist() == [[0, 10], [20, 30]]


def test_monochrome1_is_stored_as_delivered(tmp_path: Path) -> None:
    dataset = make_image(RAMP, PhotometricInterpretation="MONOCHROME1")
    (found,), photometric = decode(save(dataset, tmp_path / "1.dcm"))
    assert np.array_equal(found, RAMP) and photometric == "MONOCHROME1"


ENCODERS = {
    JPEG2000Lossless: lambda a: imagecodecs.jpeg2k_encode(a, codecformat="j2k", reversible=True),
    HTJ2KLossless: lambda a: imagecodecs.htj2k_encode(a, reversible=True),
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEGLosslessSV1: lambda a: imagecodecs.ljpeg_encode(a, bitspersample=16),
}


@pytest.mark.parametrize("syntax", ENCODERS, ids=lambda uid: uid.keyword)
def test_lossless_compression_of_many_frames(syntax: UID, tmp_path: Path) -> None:
    frames = [RAMP, RAMP[::-1].copy(), RAMP.T.reshape(RAMP.shape).copy()]
    encoded = [bytes(ENCODERS[syntax](frame)) for frame in frames]
    found, _ = decode(compressed(encoded, RAMP, tmp_path / "1.dcm", syntax))
    assert np.array_equal(np.stack(found), np.stack(frames))


def test_twelve_bits_of_extended_jpeg(tmp_path: Path) -> None:
    pixels = (RAMP & 0x0FFF).astype(np.uint16)
    encoded = bytes(imagecodecs.jpeg8_encode(pixels, level=100, bitspersample=12))
    path = compressed([encoded], pixels, tmp_path / "1.dcm", JPEGExtended12Bit, BitsStored=12)
    (found,), _ = decode(path)
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - pixels).max() <= 8


@pytest.mark.skipif(not shutil.which("dcmcjpeg"), reason="no dcmtk")
@pytest.mark.parametrize("option", ["+es", "+ep"])
def test_progressive_jpeg_is_decoded_as_dcmtk_does(option: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    pixels = (2000 + 900 * np.sin(RAMP / 90) + rng.normal(0, 9, RAMP.shape)).astype(np.uint16)
    plain = save(make_image(pixels, BitsStored=12, HighBit=11), tmp_path / "plain.dcm")
    coded, decoded = tmp_path / "coded.dcm", tmp_path / "decoded.dcm"
    subprocess.run(["dcmcjpeg", option, plain, coded], check=True, capture_output=True)
    subprocess.run(["dcmdjpeg", coded, decoded], check=True, capture_output=True)
    (found,), _ = decode(coded)
    expected = dcmread(decoded).pixel_array
    assert np.abs(found.astype(int) - expected).max() <= 1  # two ways to round a cosine


def test_a_mislabelled_codestream_is_read_for_what_it_is(tmp_path: Path) -> None:
    encoded = bytes(imagecodecs.jpegls_encode(RAMP))
    (found,), _ = decode(compressed([encoded], RAMP, tmp_path / "1.dcm", JPEGLosslessSV1))
    assert np.array_equal(found, RAMP)


@pytest.mark.filterwarnings("ignore:The .* value is 'RGB' however")
def test_colours_of_jpeg_go_by_its_markers(tmp_path: Path) -> None:
    flat = np.full((16, 16, 3), (200, 30, 60), np.uint8)
    encoded = bytes(imagecodecs.jpeg8_encode(flat, level=95, subsampling="444"))
    assert b"JFIF" in encoded  # so it is YCbCr, whatever the data set says
    (found,), photometric = decode(compressed([encoded], flat, tmp_path / "1", JPEGBaseline8Bit))
    assert photometric == "RGB"
    assert np.abs(found.astype(int) - flat).max() <= 4


@pytest.mark.parametrize("syntax", [DEFLATED_IMAGE_FRAME, ENCAPSULATED_UNCOMPRESSED])
def test_frames_that_are_native_ones_in_items(syntax: UID, tmp_path: Path) -> None:
    frames = [RAMP.tobytes(), RAMP[::-1].tobytes()]
    if syntax == DEFLATED_IMAGE_FRAME:
        frames = [_deflate(frame) for frame in frames]
    found, _ = decode(compressed(frames, RAMP, tmp_path / "1.dcm", syntax))
    assert np.array_equal(np.stack(found), [RAMP, RAMP[::-1]])


def test_packed_bits_in_run_lengths(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).integers(0, 2, (9, 13)).astype(np.uint8)
    packed = np.packbits(mask.ravel(), bitorder="little").tobytes()
    header = b"\x01\0\0\0\x40\0\0\0".ljust(64, b"\0")
    frame = header + bytes([len(packed) - 1]) + packed
    path = compressed([frame], mask, tmp_path / "1.dcm", RLELossless, BitsAllocated=1, BitsStored=1)
    (found,), _ = decode(path)
    assert np.array_equal(found, mask)


def test_a_frame_in_several_fragments_with_an_empty_offset_table(tmp_path: Path) -> None:
    encoded = bytes(imagecodecs.jpegls_encode(RAMP))
    dataset = make_image(RAMP)
    dataset.PixelData = encapsulate([encoded], fragments_per_frame=3, has_bot=False)
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    (found,), _ = decode(save(dataset, tmp_path / "1.dcm", JPEGLSLossless))
    assert np.array_equal(found, RAMP)


def test_an_extended_offset_table(tmp_path: Path) -> None:
    frames = [RAMP, RAMP[::-1].copy()]
    encoded = [bytes(imagecodecs.jpegls_encode(frame)) for frame in frames]
    dataset = make_image(RAMP, NumberOfFrames=2)
    content, offsets, lengths = encapsulate_extended(encoded)
    dataset.PixelData = content
    dataset.ExtendedOffsetTable, dataset.ExtendedOffsetTableLengths = offsets, lengths
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    found, _ = decode(save(dataset, tmp_path / "1.dcm", JPEGLSLossless))
    assert np.array_equal(np.stack(found), np.stack(frames))


def test_padding_behind_the_pixels_is_left_out(tmp_path: Path) -> None:
    dataset = make_image(RAMP, PixelData=RAMP.tobytes() + bytes(1000))
    found, _ = decode(save(dataset, tmp_path / "1.dcm"))
    assert len(found) == 1 and np.array_equal(found[0], RAMP)


def test_what_goes_without_saying_is_assumed_and_remarked_on(tmp_path: Path) -> None:
    dataset = make_image(RAMP, SamplesPerPixel=None, PhotometricInterpretation=None)
    header = Header()
    (found,), photometric = decode(save(dataset, tmp_path / "1.dcm"), header)
    assert np.array_equal(found, RAMP) and photometric == "MONOCHROME2"
    assert [(p.code, p.element) for p in header.problems] == [
        ("pixels.assumed", "(0028,0002)"),
        ("pixels.assumed", "(0028,0004)"),
    ]


@pytest.mark.filterwarnings("ignore:Invalid value for VR IS")
def test_frames_are_counted_where_their_number_is_none(tmp_path: Path) -> None:
    pixels = np.stack([RAMP] * 3)
    dataset = make_image(NumberOfFrames="3")
    describe_pixels(dataset, pixels, frames=3)
    path = save(dataset, tmp_path / "1.dcm")
    number = b"\x28\0\x08\0IS\x02\0"
    path.write_bytes(path.read_bytes().replace(number + b"3 ", number + b"1A"))
    found, _ = decode(path)
    assert len(found) == 3


def test_a_large_value_is_read_from_the_file_frame_by_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medplatform.modalities.imaging.opening.DEFERRED_BYTES", 1000)
    pixels = np.stack([RAMP, RAMP[::-1]])
    dataset = make_image()
    describe_pixels(dataset, pixels, frames=2)
    native = save(dataset, tmp_path / "native.dcm")
    encoded = [RAMP.tobytes(), RAMP[::-1].tobytes()]
    items = compressed(encoded, RAMP, tmp_path / "items.dcm", ENCAPSULATED_UNCOMPRESSED)
    for path in (native, items):
        opened = open_dataset(path, Limits())
        assert opened.get_item("PixelData", keep_deferred=True).value is None
        assert np.array_equal(np.stack(decode(path)[0]), pixels)
    native.write_bytes(native.read_bytes()[:-10])
    assert refusal(native) == ("pixels.truncated", "(7FE0,0010)")


def test_a_missing_frame(tmp_path: Path) -> None:
    encoded = bytes(imagecodecs.jpegls_encode(RAMP))
    dataset = make_image(RAMP, NumberOfFrames=3)
    dataset.PixelData = encapsulate([encoded, encoded])
    dataset["PixelData"].VR = "OB"
    dataset["PixelData"].is_undefined_length = True
    assert refusal(save(dataset, tmp_path / "1.dcm", JPEGLSLossless))[0] == "pixels.truncated"


def test_no_pixels(tmp_path: Path) -> None:
    path = save(make_image(PixelData=b""), tmp_path / "1.dcm")
    assert refusal(path) == ("pixels.missing", "(7FE0,0010)")


@pytest.mark.parametrize("keyword", ["Rows", "Columns", "BitsAllocated"])
def test_pixels_without_a_description(keyword: str, tmp_path: Path) -> None:
    dataset = make_image()
    delattr(dataset, keyword)
    path = save(dataset, tmp_path / "1.dcm")
    assert refusal(path)[0] == "pixels.undescribed"


def test_a_video(tmp_path: Path) -> None:
    path = compressed([b"\0\0\x01\xba" * 9], RAMP, tmp_path / "1.dcm", MPEG4)
    assert refusal(path)[0] in ("pixels.undecodable", "pixels.no_decoder")


def test_a_private_transfer_syntax(tmp_path: Path) -> None:
    path = compressed([b"\0\1" * 9], RAMP, tmp_path / "1.dcm", UID("1.2.3.4"))
    assert refusal(path) == ("pixels.no_decoder", "(0002,0010)")


def test_a_codestream_larger_than_its_description_reaches_no_decoder(tmp_path: Path) -> None:
    large = bytes(imagecodecs.jpegls_encode(np.zeros((200, 300), np.uint16)))
    path = compressed([large], RAMP, tmp_path / "1.dcm", JPEGLSLossless)
    assert refusal(path) == ("pixels.other_size", "(7FE0,0010)")


def test_a_description_larger_than_the_limits_reaches_no_decoder(tmp_path: Path) -> None:
    encoded = bytes(imagecodecs.jpegls_encode(RAMP))
    path = compressed(
        [encoded], RAMP, tmp_path / "1.dcm", JPEGLSLossless, Rows=60000, Columns=60000
    )
    assert refusal(path)[0] == "dicom.too_large"


def test_a_deflated_frame_is_inflated_up_to_its_size_only(tmp_path: Path) -> None:
    bomb = _deflate(bytes(100_000_000))
    with pytest.raises(ValueError, match="more than"):
        inflate(bomb, RAMP.nbytes)
    path = compressed([bomb], RAMP, tmp_path / "1.dcm", DEFLATED_IMAGE_FRAME)
    assert refusal(path)[0] == "pixels.undecodable"


def _deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    deflated = deflater.compress(content) + deflater.flush()
    return deflated + bytes(len(deflated) % 2)


def test_the_data_set_is_left_as_it_was_described(tmp_path: Path) -> None:
    dataset = open_dataset(save(make_image(RAMP), tmp_path / "1.dcm"), Limits())
    before = Dataset(dataset)
    settle_description(dataset, Header())
    list(decode_frames(dataset))
    assert {e.keyword for e in dataset} - {e.keyword for e in before} <= {"NumberOfFrames"}
