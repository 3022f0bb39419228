"""An answer of a server that fits in memory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Form = Callable[[], dict[str, str]]
"""Makes the form of a POST, once for each time that it is sent."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Status, headers (names in any case) and decoded body. `url` is where it came from."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
