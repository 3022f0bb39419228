"""What a DICOMweb server is shown: a user's password, or a bearer token, from a file."""

import base64
import stat
import threading
from pathlib import Path

from medplatform.transfer.errors import AuthorizationFailed


class Secret:
    """Gives the header `Authorization` from a file of mode 0600. It does not show itself.

    Parameters
    ----------
    file
        Holds a password or a token, on one line.
    user
        Whose password it is (RFC 7617, basic). None: it is a bearer token (RFC 6750).
    """

    def __init__(self, file: Path, user: str | None = None) -> None:
        self._file = file
        self._user = user
        self._lock = threading.Lock()
        self._header: str | None = None

    def __repr__(self) -> str:
        return f"Secret({'basic' if self._user else 'bearer'})"

    def current(self) -> str:
        """The header.

        Raises
        ------
        AuthorizationFailed
            The file cannot be used.
        """
        with self._lock:
            if self._header is None:
                self._header = self._read()
            return self._header

    def replace(self, refused: str) -> str | None:
        """The header anew, for tokens that are renewed in their file; None if it is the same."""
        with self._lock:
            self._header = self._read()
            return None if self._header == refused else self._header

    def _read(self) -> str:
        try:
            mode = stat.S_IMODE(self._file.stat().st_mode)
            text = self._file.read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise AuthorizationFailed(
                f"The password or token in {self._file} cannot be read. Name the file that holds "
                f"it, one line of text."
            ) from None
        if mode & 0o077:
            raise AuthorizationFailed(
                f"{self._file} can be read by others (mode {mode:04o}). Run: chmod 600 {self._file}"
            )
        if self._user:
            pair = base64.b64encode(f"{self._user}:{text}".encode()).decode()
            return f"Basic {pair}"
        if not text or not text.isascii() or not text.isprintable() or " " in text:
            raise AuthorizationFailed(
                f"{self._file} holds no bearer token. If it is a password, say whose: --user NAME"
            )
        return f"Bearer {text}"
