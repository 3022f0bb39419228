"""Pixel cells are lossless for every type and shape, and say when they do not fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from medplatform.modalities.imaging.codec import decode, encode, encode_mask, pixel_bytes

_TYPES = st.one_of(
    st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]),
    st.sampled_from([">u2", ">i2", ">i4", ">f8"]),
).map(np.dtype)
_SHAPES = st.one_of(
    array_shapes(min_dims=2, max_dims=2, max_side=24),
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.sampled_from([2, 3, 4])),
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_an_image_comes_back_bit_for_bit(data: st.DataObject) -> None:
    array = data.draw(arrays(data.draw(_TYPES), data.draw(_SHAPES)))
    codec, cell = encode(array)
    decoded = decode(codec, cell, dtype=array.dtype.name, shape=array.shape)
    assert decoded.dtype.name == array.dtype.name
    assert pixel_bytes(decoded) == pixel_bytes(array)


@settings(max_examples=30, deadline=None)
@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24)))
def test_a_mask_comes_back_as_0_and_1(mask: np.ndarray) -> None:
    codec, cell = encode_mask(mask)
    decoded = decode(codec, cell, dtype="uint8", shape=mask.shape)
    assert codec == "zstd"
    assert np.array_equal(decoded, mask.astype(np.uint8))


@pytest.mark.parametrize(
    ("dtype", "codec"),
    [
        ("uint8", "htj2k"),
        ("int16", "htj2k"),
        ("int32", "shuffle+zstd"),
        ("float32", "shuffle+zstd"),
    ],
)
def test_integers_of_16_bits_go_to_htj2k_and_the_rest_to_zstd(dtype: str, codec: str) -> None:
    assert encode(np.zeros((4, 4), dtype))[0] == codec


def test_an_array_that_is_not_contiguous_is_stored_as_it_reads() -> None:
    array = np.arange(24, dtype=np.uint16).reshape(4, 6)[::2, ::-2]
    codec, cell = encode(array)
    assert np.array_equal(decode(codec, cell, dtype="uint16", shape=array.shape), array)


def test_decoded_pixels_can_be_written_to() -> None:
    codec, cell = encode(np.zeros((2, 2), np.float32))
    decode(codec, cell, dtype="float32", shape=(2, 2))[0, 0] = 1


@pytest.mark.parametrize(
    ("codec", "dtype", "shape"),
    [("htj2k", "int16", (4, 4)), ("htj2k", "uint8", (4, 5)), ("gif", "uint8", (4, 4))],
)
def test_a_cell_of_another_type_shape_or_codec_is_refused(
    codec: str, dtype: str, shape: tuple[int, ...]
) -> None:
    _, cell = encode(np.zeros((4, 4), np.uint8))
    with pytest.raises(ValueError, match=r"cell|codec|reshape"):
        decode(codec, cell, dtype=dtype, shape=shape)
