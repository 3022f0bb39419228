"""DICOM files of the lake's images, de-identified: read again from landing and written anew."""

from medplatform.modalities.imaging.export.exporter import (
    MANIFEST,
    Selection,
    export_dicom,
    select_instances,
)

__all__ = ["MANIFEST", "Selection", "export_dicom", "select_instances"]
