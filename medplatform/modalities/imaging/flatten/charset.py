"""Character sets of text (PS3.3 C.12.1.1.2, PS3.5 6.1), as pydicom understands their names."""

import codecs
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from pydicom.charset import convert_encodings, decode_bytes, default_encoding, python_encoding
from pydicom.valuerep import TEXT_VR_DELIMS

ESCAPE = b"\x1b"
LATIN_1 = "latin-1"


class Charset(NamedTuple):
    """The character sets of a data set.

    Attributes
    ----------
    codec
        Python's name of the first, which holds where no escape sequence stands; None for one that
        the standard does not know, of which only ASCII is read.
    encodings
        pydicom's names of all.
    """

    codec: str | None
    encodings: tuple[str, ...]

    def decode(self, content: bytes) -> str:
        """The text of some bytes, nothing replaced.

        Raises
        ------
        ValueError
            They are not of these character sets.
        """
        if ESCAPE not in content:
            return content.decode(self.codec or "ascii")
        with warnings.catch_warnings(action="ignore"):
            text = decode_bytes(content, self.encodings, TEXT_VR_DELIMS)
        if "\ufffd" in text or "\x1b" in text:
            raise ValueError("an escape sequence or a character of no declared character set")
        return text


DEFAULT = Charset(LATIN_1, (default_encoding,))
"""Where none is named, and for the VRs that know no other; pydicom reads ASCII as Latin-1."""

_KNOWN = {codecs.lookup(name).name for name in {*python_encoding.values(), "ascii"}}


@lru_cache(maxsize=256)
def charset_of(names: tuple[str, ...]) -> Charset:
    """The character sets that Specific Character Set (0008,0005) names.

    Misspelt names are understood where pydicom does.
    """
    with warnings.catch_warnings(action="ignore"):
        return charset_of_encodings(convert_encodings(list(names)))


def charset_of_encodings(encodings: str | Sequence[str]) -> Charset:
    """The character sets of pydicom's names."""
    names = (encodings,) if isinstance(encodings, str) else tuple(encodings)
    if names == DEFAULT.encodings:
        return DEFAULT
    codec = codecs.lookup(names[0]).name
    known = tuple(
        name if codecs.lookup(name).name in _KNOWN else default_encoding for name in names
    )
    if codec not in _KNOWN:
        return Charset(None, known)
    return Charset(LATIN_1 if codec == "iso8859-1" else codec, known)
