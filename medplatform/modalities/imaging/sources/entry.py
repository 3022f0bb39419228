"""One entry of an archive, as its directory or headers describe it."""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from errno import EINVAL

from medplatform.modalities.imaging.sources.plain import Broken, Stream

READ_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, tarfile.TarError),
    *(OSError, ValueError, NotImplementedError, OverflowError),
)
"""What the standard library raises on damaged or forged archives; NotImplementedError is zipfile's
for a compression or version that it does not know."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file in an archive, or why something there cannot be read.

    `name` is as the archive has it. `size` is how many bytes it announces and `packed` how many
    they take, where that is known of one entry. With a `code` nothing of it can be read. An entry
    that stands for the rest of an archive behind a break has nothing but that.
    """

    name: str = ""
    size: int = 0
    packed: int | None = None
    code: str | None = None
    open: Callable[[], AbstractContextManager[Stream]] | None = None

    @property
    def is_rest(self) -> bool:
        """Whether it stands for all that follows in the archive."""
        return not self.name and self.open is None


@contextmanager
def breaks_reported() -> Iterator[None]:
    """Turn what damage raises into `Broken`; errors of the disk pass."""
    try:
        yield
    except (EOFError, tarfile.ReadError):
        raise Broken("file.truncated") from None
    except READ_ERRORS as error:
        if getattr(error, "errno", None) not in (None, EINVAL):  # that of forged offsets
            raise
        raise Broken("file.corrupt") from None
