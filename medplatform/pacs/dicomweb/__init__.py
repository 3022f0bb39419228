"""DICOMweb (PS3.18): searching with QIDO-RS, fetching with WADO-RS."""

from medplatform.pacs.dicomweb.secret import Secret
from medplatform.pacs.dicomweb.source import fetch_images

__all__ = ["Secret", "fetch_images"]
