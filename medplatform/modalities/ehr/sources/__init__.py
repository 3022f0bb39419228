"""From a delivered file to blocks of records, numbered, with their offsets and exactly their bytes.

NDJSON, Bundles of every type, arrays and single resources; plain, gzipped, and in zip archives.
Memory stays bounded whatever the size of the file. Nothing here raises for bad content, and
everything that was delivered is counted once: as a record, a deletion, a fault or a blank line.
"""

from medplatform.modalities.ehr.sources.block import MAX_RECORD_BYTES, Block, Deletion, Fault
from medplatform.modalities.ehr.sources.reader import read_blocks
from medplatform.modalities.ehr.sources.release import find_release_hint

__all__ = [
    "MAX_RECORD_BYTES",
    "Block",
    "Deletion",
    "Fault",
    "find_release_hint",
    "read_blocks",
]
