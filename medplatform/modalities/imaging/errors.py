"""What makes a file unusable, and what libraries raise on damaged or forged content."""

import zlib

from medplatform.modalities.imaging.elements import VALUE_ERRORS
from medplatform.modalities.imaging.records import Failure

READ_ERRORS = (*VALUE_ERRORS, zlib.error, RuntimeError, AssertionError)
"""What pydicom and its decoders raise on damaged or forged content."""


class Unusable(Exception):
    """The file cannot be accepted; `failure` says why."""

    def __init__(self, code: str, element: str | None = None) -> None:
        super().__init__(code)
        self.failure = Failure(code, element)
