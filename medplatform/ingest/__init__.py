"""From a closed delivery to the lake: read, count, validate, publish or reject.

The one path by which records enter, for the command line and for Dagster alike. Running it again
does nothing; killing it at any point loses nothing.
"""

from medplatform.ingest.pending import ingest_pending, pending_deliveries
from medplatform.ingest.reading import ReaderDefect, ingest_delivery, refuse_mixture
from medplatform.ingest.receipt import INCOMPLETE, Receipt, is_incomplete

__all__ = [
    "INCOMPLETE",
    "ReaderDefect",
    "Receipt",
    "ingest_delivery",
    "ingest_pending",
    "is_incomplete",
    "pending_deliveries",
    "refuse_mixture",
]
