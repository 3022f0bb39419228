"""The count identity: no record of a delivery is lost between its files and the lake."""

from collections import Counter, defaultdict

from medplatform.lake import Counts, Stage
from medplatform.modalities.delivery import Delivery
from medplatform.modalities.modality import Modality
from medplatform.quality.validate import Finding

COUNT_CHECK = "every_record_is_accounted_for"


def count_identity(modality: Modality, delivery: Delivery, stage: Stage) -> Finding:
    """delivered = accepted + quarantined + blank + kept, per file and kind of record.

    `delivered` must also equal a second count that the reader did not make. `value` is the number
    of (file, kind) pairs that do not add up.
    """
    recounts: dict[str, Counter[str]] = defaultdict(Counter)
    for source in delivery.sources:
        recounts[source.source_id].update(modality.count_records(source))
    counts = stage.counts_by_source()
    wrong = 0
    for source_id in counts.keys() | recounts.keys():
        counted, recount = counts.get(source_id, {}), recounts[source_id]
        for unit in counted.keys() | recount.keys():
            tally = counted.get(unit, Counts())
            wrong += not tally.is_balanced or tally.delivered != recount[unit]
    return Finding(
        table=modality.name,
        check=COUNT_CHECK,
        rule="delivered = accepted + quarantined + blank + kept",
        severity="critical",
        success=wrong == 0,
        value=wrong,
        threshold=0,
        rows=sum(counts.delivered for counts in stage.counts.values()),
    )
