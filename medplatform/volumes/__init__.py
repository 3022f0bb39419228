"""Series and studies of images, assembled from the current rows of the lake.

Slices are ordered by their position along the normal of their plane, never by Instance Number, and
every fault of the geometry is named in a column. Series span deliveries, so all of this is derived
from the whole lake; pixels are read only to export them (`nifti`).
"""

from medplatform.volumes.assemble import Assembly, assemble
from medplatform.volumes.planes import Images, read_images
from medplatform.volumes.tables import SERIES, STUDY, VOLUME, Derived

__all__ = [
    "SERIES",
    "STUDY",
    "VOLUME",
    "Assembly",
    "Derived",
    "Images",
    "assemble",
    "read_images",
]
