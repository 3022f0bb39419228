"""Where the lines of a VCF come from: files as they are, compressed, or binary; parts of them."""

from pathlib import Path

from medplatform.modalities.content import Content, FileContent
from medplatform.modalities.genomics.sources.bcf import BcfText, is_bcf


def open_content(path: Path) -> Content:
    """The text of a file: as it is, inflated, or decoded from BCF."""
    return BcfText(path) if is_bcf(path) else FileContent(path)


__all__ = ["open_content"]
