"""DICOMweb (PS3.18): searching with QIDO-RS, fetching with WADO-RS."""

from medplatform.pacs.dicomweb.fetch import fetch_images
from medplatform.pacs.dicomweb.retrieve import Limits
from medplatform.pacs.dicomweb.secret import Secret

__all__ = ["Limits", "Secret", "fetch_images"]
