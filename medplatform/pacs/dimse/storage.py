"""What becomes of an object that a peer sends with C-STORE (PS3.4, B.2)."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from medplatform.lake import DISK_FULL
from medplatform.pacs.header import Header, NotDicom, read_header

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
DOES_NOT_MATCH = 0xA900
CANNOT_UNDERSTAND = 0xC000
PROCESSING_FAILURE = 0xC211
RESERVE_BYTES = 1 << 30
"""Free space that is left to what else the machine has to write."""

Take = Callable[[Path, Header], int]
"""Takes a file over and gives the status to answer with."""


class Storage:
    """Answers C-STORE requests: with success only once the object is safe on the disk."""

    def __init__(self, folder: Path, take: Take, reserve_bytes: int = RESERVE_BYTES) -> None:
        self._folder = folder
        self._take = take
        self._reserve_bytes = reserve_bytes

    def store(self, event: Event) -> int:
        """Handle one request; the status (PS3.4, B.2.3)."""
        request = cast(C_STORE, event.request)
        part = event.dataset_path
        if request._dataset_file:
            request._dataset_file.close()
        try:
            if shutil.disk_usage(self._folder).free < self._reserve_bytes:
                return OUT_OF_RESOURCES
            header = read_header(part)
            if header.key.sop != str(request.AffectedSOPInstanceUID):
                return DOES_NOT_MATCH
            return self._take(part, header)
        except NotDicom:
            return CANNOT_UNDERSTAND
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            return OUT_OF_RESOURCES
        finally:
            part.unlink(missing_ok=True)
