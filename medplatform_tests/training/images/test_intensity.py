"""Values and windows are those of the standard, on its own formulas and on real files."""

import numpy as np
import pytest

from medplatform.modalities.imaging.rescaling import rescale
from medplatform.training.images.intensity import (
    BRAIN,
    PRESETS,
    Window,
    apply_table,
    choose_window,
    find_padding,
    percentile_limits,
    show,
    stretch,
)
from medplatform_tests.public_data import PUBLIC_DATA

PEER = PUBLIC_DATA / "dicom/peer"
UNREADABLE = (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError)
"""What pydicom raises for pixels that it cannot decode."""


class TestWindow:
    """The pseudo-code of PS3.3 C.11.2.1.2.1 and the formulas of C.11.2.1.3, point by point."""

    @pytest.mark.parametrize("width", [1, 2, 255, 4096])
    def test_linear(self, width: float) -> None:
        center, low, high = 100, 0, 255
        x = np.arange(-3000, 3000).astype(np.int16)
        expected = np.empty(len(x))
        for number, value in enumerate(x.tolist()):
            if value <= center - 0.5 - (width - 1) / 2:
                expected[number] = low
            elif value > center - 0.5 + (width - 1) / 2:
                expected[number] = high
            else:
                share = (value - (center - 0.5)) / (width - 1) + 0.5
                expected[number] = share * (high - low) + low
        np.testing.assert_allclose(Window(center, width).apply(x, low, high), expected, atol=1e-4)

    def test_linear_exact(self) -> None:
        window = Window(10, 4, "LINEAR_EXACT")
        x = np.array([7, 8, 9, 10, 11, 12, 13], np.int16)
        np.testing.assert_allclose(window.apply(x), [0, 0, 0.25, 0.5, 0.75, 1, 1])

    def test_a_width_below_one_is_exact_only(self) -> None:
        x = np.array([0.4, 0.5, 0.6])
        np.testing.assert_allclose(Window(0.5, 0.2, "LINEAR_EXACT").apply(x), [0, 0.5, 1])
        with pytest.raises(ValueError, match="No LINEAR window"):
            Window(0.5, 0.2)

    def test_a_width_of_one_is_a_threshold(self) -> None:
        x = np.array([9.4, 9.5, 9.6, 10.0])
        assert Window(10, 1).apply(x).tolist() == [0, 0, 1, 1]

    def test_sigmoid(self) -> None:
        x = np.array([-3000, 0, 40, 80, 3000], np.int16)
        expected = 255 / (1 + np.exp(-4 * (x.astype(float) - 40) / 80))
        np.testing.assert_allclose(Window(40, 80, "SIGMOID").apply(x, 0, 255), expected, atol=1e-3)

    @pytest.mark.parametrize("width", [0, -1, float("nan"), float("inf")])
    @pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
    def test_a_width_that_the_standard_excludes_is_none(self, width: float, function) -> None:
        with pytest.raises(ValueError, match=r"No .* window"):
            Window(0, width, function)
        assert choose_window(0, width, function) is None

    def test_the_first_usable_window_counts(self) -> None:
        assert choose_window([40, -600], [400, 1500]) == Window(40, 400)
        assert choose_window([40, -600], [0, 1500]) == Window(-600, 1500)
        assert choose_window(40.0, 80.0, "SIGMOID") == Window(40, 80, "SIGMOID")
        assert choose_window(40.0, 80.0, "CUBIC") == Window(40, 80)
        assert choose_window(None, 80.0) is None
        assert choose_window([], []) is None

    def test_presets_show_what_they_are_named_after(self) -> None:
        air, fat, brain, liver, cortical = -1000, -100, 35, 60, 1000
        values = np.array([air, fat, brain, liver, cortical], np.int16)
        shown = {name: window.apply(values) for name, window in PRESETS.items()}
        assert shown["lung"][0] > 0.2
        assert shown["soft_tissue"][:2].tolist() == [0, pytest.approx(0.15, abs=0.01)]
        assert shown["brain"].tolist()[:2] == [0, 0] and 0.4 < shown["brain"][2] < 0.5
        assert 0.8 < shown["bone"][4] < 0.9
        assert BRAIN.limits == (0, 79)


class TestRescale:
    def test_stored_values_become_hounsfield_units(self) -> None:
        pixels = np.array([[0, 24, 1024]], np.uint16)
        assert rescale(pixels, 1, -1024).tolist() == [[-1024, -1000, 0]]

    def test_each_frame_has_its_own_slope(self) -> None:
        frames = np.ones((2, 3, 3), np.uint16)
        values = rescale(frames, np.array([2.0, 5.0]), np.array([0.5, -1.0]))
        assert values[0].max() == values[0].min() == 2.5
        assert values[1].max() == values[1].min() == 4

    @pytest.mark.parametrize(
        ("slope", "intercept", "value"), [(None, -1024, -1017), (2, None, 14), (None, None, 7)]
    )
    def test_a_slope_is_1_and_an_intercept_0_where_it_is_absent(
        self, slope, intercept, value
    ) -> None:
        assert rescale(np.array([7], np.int16), slope, intercept).tolist() == [value]

    def test_large_integers_are_kept_exactly(self) -> None:
        pixels = np.array([2**31 - 1], np.int32)
        assert rescale(pixels, 1, 0).tolist() == [2**31 - 1]


class TestShow:
    def test_monochrome1_is_inverted_after_the_window(self) -> None:
        values = np.array([-500, 0, 39.5, 500], np.float32)
        window = Window(40, 80)
        assert show(values, window, inverted=True).tolist() == [1, 1, 0.5, 0]

    def test_padding_is_black_whichever_way_round(self) -> None:
        pixels = np.array([-2000, 0, 100], np.int16)
        valid = ~find_padding(pixels, -2000)
        limits = percentile_limits(pixels, 0, 100, valid)
        assert limits == (0, 100)
        assert show(pixels, limits, valid=valid).tolist() == [0, 0, 1]
        assert show(pixels, limits, inverted=True, valid=valid).tolist() == [0, 1, 0]

    def test_padding_may_be_a_range(self) -> None:
        pixels = np.array([-2000, -1500, -1024, 0], np.int16)
        for bounds in ((-2000, -1100), (-1100, -2000)):
            assert find_padding(pixels, *bounds).tolist() == [True, True, False, False]
        assert not find_padding(pixels, None).any()

    def test_what_is_no_number_is_black_and_does_not_count(self) -> None:
        values = np.array([np.nan, 1, 2, 3, np.inf])
        assert percentile_limits(values, 0, 100) == (1, 3)
        assert show(values, (1, 3))[0] == 0

    def test_a_flat_image_is_black(self) -> None:
        assert stretch(np.full(4, 9), *percentile_limits(np.full(4, 9), 1, 99)).tolist() == [0] * 4

    def test_an_image_of_padding_alone_is_black(self) -> None:
        nothing = np.zeros(4, bool)
        limits = percentile_limits(np.arange(4), 1, 99, nothing)
        assert show(np.arange(4), limits, valid=nothing).tolist() == [0] * 4

    def test_a_table_holds_its_ends(self) -> None:
        pixels = np.array([-9, 0, 1, 2, 99], np.int16)
        assert apply_table(pixels, 0, np.array([5, 6, 7], np.uint16)).tolist() == [5, 5, 6, 7, 7]


def _readable(keyword: str) -> list[str]:
    """Small public files that have an element, by path below the folder of all."""
    import pydicom
    from pydicom.errors import InvalidDicomError

    found = []
    for path in sorted(PEER.rglob("*")) if PEER.is_dir() else []:
        if not path.is_file() or path.stat().st_size > 600_000:
            continue
        try:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=[keyword])
        except (InvalidDicomError, OSError, ValueError, NotImplementedError, KeyError):
            continue
        if header.get(keyword):
            found.append(str(path.relative_to(PEER)))
    return found


@pytest.mark.real
@pytest.mark.skipif(not PEER.is_dir(), reason=f"no public DICOM files in {PEER}")
@pytest.mark.filterwarnings("ignore")
def test_real_files_are_shown_as_pydicom_shows_them() -> None:
    import pydicom
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    compared = {"rescale": 0, "window": 0, "table": 0}
    for name in sorted(
        {
            *_readable("WindowWidth"),
            *_readable("RescaleSlope"),
            *_readable("VOILUTSequence"),
            *_readable("ModalityLUTSequence"),
        }
    ):
        dataset = pydicom.dcmread(PEER / name)
        try:
            pixels = dataset.pixel_array
        except UNREADABLE:
            continue
        if dataset.get("SamplesPerPixel", 1) != 1 or pixels.dtype.kind not in "iu":
            continue
        if "ModalityLUTSequence" in dataset:
            values = _table(dataset.ModalityLUTSequence[0], pixels)
        else:
            values = rescale(pixels, dataset.get("RescaleSlope"), dataset.get("RescaleIntercept"))
            compared["rescale"] += "RescaleSlope" in dataset
        expected = apply_modality_lut(pixels, dataset)
        np.testing.assert_allclose(values, expected, rtol=1e-6, atol=1e-3, err_msg=name)

        if dataset.get("VOILUTSequence"):
            shown = _table(dataset.VOILUTSequence[0], expected)
            np.testing.assert_array_equal(shown, apply_voi_lut(expected, dataset), name)
            compared["table"] += 1
            continue
        centers, widths = dataset.get("WindowCenter"), dataset.get("WindowWidth")
        window = choose_window(_list(centers), _list(widths), dataset.get("VOILUTFunction"))
        if window is None or _list(widths)[0] != window.width:
            continue
        wanted = apply_voi_lut(expected, dataset)
        low, high = _output_range(dataset)
        np.testing.assert_allclose(
            window.apply(expected, low, high),
            wanted,
            rtol=1e-5,
            atol=(high - low) * 1e-5,
            err_msg=name,
        )
        compared["window"] += 1
    assert compared["rescale"] > 30 and compared["window"] > 30 and compared["table"] > 0, compared


def _table(item, pixels: np.ndarray) -> np.ndarray:
    count, first, bits = item.LUTDescriptor
    data = item.LUTData
    if isinstance(data, bytes):
        data = np.frombuffer(data, "<u2" if bits > 8 or len(data) == 2 * (count or 65536) else "u1")
    if pixels.dtype.kind == "i" and first > 32767:
        first -= 65536
    return apply_table(pixels, first, np.asarray(data))


def _list(value) -> list[float]:
    if value is None:
        return []
    return [float(v) for v in value] if hasattr(value, "__iter__") else [float(value)]


def _output_range(dataset) -> tuple[float, float]:
    """The range in which pydicom shows: that of the stored bits, rescaled (PS3.3 C.11.2.1.2.1)."""
    bits = dataset.BitsStored
    signed = dataset.PixelRepresentation == 1
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    if dataset.get("RescaleSlope") is not None:
        low, high = (v * dataset.RescaleSlope + dataset.RescaleIntercept for v in (low, high))
    return float(low), float(high)
