"""Medical Event Data Standard (MEDS 0.4): the records of the lake as one stream of events a person.

`export_meds` writes the folder that the standard describes: shards of events, codes, splits. Not
here: how records get into the lake, and what a model makes of the events.
https://medical-event-data-standard.github.io
"""

from medplatform.meds.errors import MedsError
from medplatform.meds.export import SPLIT_SALT, SUBJECTS_PER_SHARD, export_meds
from medplatform.meds.result import Export, KindCount, SplitCount

__all__ = [
    "SPLIT_SALT",
    "SUBJECTS_PER_SHARD",
    "Export",
    "KindCount",
    "MedsError",
    "SplitCount",
    "export_meds",
]
