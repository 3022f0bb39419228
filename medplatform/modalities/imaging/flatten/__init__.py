"""A DICOM data set as a flat list of its elements, nothing lost: what the lake keeps of it.

Not here: what an element means, and which may be kept.
"""

from medplatform.modalities.imaging.flatten.element import Element, SharedElement

__all__ = ["Element", "SharedElement"]
