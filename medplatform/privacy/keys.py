"""The master key and the sub-keys derived from it, one per purpose and key version.

HKDF-SHA-256 (RFC 5869) separates the purposes: knowing the date-shift key of a patient says
nothing about the pseudonym key. Keys come from a file of mode 0600 and are never logged.
"""

import hashlib
import os
import secrets
import stat
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32


class KeyMissing(RuntimeError):
    """There is no usable master key; the message says how to make or repair one."""


class KeyRing:
    """Derives sub-keys of one master key and computes keyed hashes with them."""

    def __init__(self, master: bytes, version: int = 1) -> None:
        if len(master) != KEY_BYTES:
            raise KeyMissing(f"A master key has {KEY_BYTES} bytes, this one has {len(master)}.")
        self._master = master
        self.version = version

    @classmethod
    def load(cls, path: Path) -> "KeyRing":
        """Read the master key (64 hex digits).

        Raises
        ------
        KeyMissing
            No such file, not 32 bytes in hex, or readable by others than its owner.
        """
        if not path.exists():
            raise KeyMissing(
                f"There is no master key at {path}. Make one with: medplatform key create "
                f"(and keep a copy in a safe place: pseudonyms cannot be repeated without it)."
            )
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            raise KeyMissing(
                f"{path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}"
            )
        try:
            return cls(bytes.fromhex(path.read_text("ascii").strip()))
        except ValueError as error:
            raise KeyMissing(
                f"{path} does not hold 64 hex digits. Restore it from your copy."
            ) from error

    @classmethod
    def create(cls, path: Path, master: bytes | None = None) -> "KeyRing":
        """Write a master key, a new random one unless given; never overwrites one.

        Raises
        ------
        KeyMissing
            There is a key at that path already.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise KeyMissing(f"{path} exists already and is not overwritten.") from None
        with os.fdopen(handle, "w") as stream:
            stream.write((master or secrets.token_bytes(KEY_BYTES)).hex())
        return cls.load(path)

    @property
    def fingerprint(self) -> str:
        """What a vault remembers of the key that it was begun with."""
        return self.mac("fingerprint").hex()

    def mac(self, purpose: str, *parts: str) -> bytes:
        """HMAC-SHA-256 of the parts under the sub-key of a purpose (32 bytes).

        Parts are length-prefixed, so ("ab", "c") and ("a", "bc") differ.
        """
        begin, end = self._states(purpose)
        inner, outer = begin.copy(), end.copy()
        for part in parts:
            encoded = part.encode()
            inner.update(len(encoded).to_bytes(4, "big") + encoded)
        outer.update(inner.digest())
        return outer.digest()

    def macs(self, purpose: str, before: Iterable[str], values: Iterable[bytes]) -> bytes:
        """`mac(purpose, *before, value)` of many values in UTF-8, one after the other.

        The state after what is the same is copied rather than computed again (RFC 2104, 4).
        """
        inner, outer = self._states(purpose)
        inner = inner.copy()
        for part in before:
            encoded = part.encode()
            inner.update(len(encoded).to_bytes(4, "big") + encoded)
        begin, end, digests = inner.copy, outer.copy, bytearray()
        for value in values:
            first, second = begin(), end()
            first.update(len(value).to_bytes(4, "big") + value)
            second.update(first.digest())
            digests += second.digest()
        return bytes(digests)

    @lru_cache(maxsize=64)  # noqa: B019 - a key ring lives as long as its process
    def _states(self, purpose: str) -> tuple["hashlib._Hash", "hashlib._Hash"]:
        """Inner and outer hash of an HMAC after its key, to be copied (RFC 2104, 4)."""
        key = self._subkey(purpose).ljust(sha256().block_size, b"\0")
        inner, outer = (bytes(byte ^ pad for byte in key) for pad in (0x36, 0x5C))
        return sha256(inner), sha256(outer)

    def _subkey(self, purpose: str) -> bytes:
        info = f"medplatform/v{self.version}/{purpose}".encode()
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._master)
