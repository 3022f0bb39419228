"""DICOM files of the lake's images, de-identified: read again from landing and written anew."""
