"""Checks of the lake: what a modality demands of its rows, and what is demanded of every delivery.

The checks that a table declares judge the rows of the new deliveries; the others, on the first
table of a modality, look at the whole ledger.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import dagster as dg

from medplatform.defs import show
from medplatform.ingest import INCOMPLETE, Receipt, is_incomplete
from medplatform.installation import Installation
from medplatform.lake import Counts, Table, TableFamily
from medplatform.modalities.modality import Modality
from medplatform.quality import CHECKS, COUNT_CHECK, Finding
from medplatform.quality.rules import checks_of

READABLE = "every_delivery_can_be_opened"
WHOLE = "every_file_was_read_to_its_end"
QUARANTINE = "nothing_is_quarantined"
MODELLED = "every_record_kind_has_a_table"

STANDING_CHECKS = {
    COUNT_CHECK: (
        "delivered = accepted + quarantined + blank + kept for every file, against a second count "
        "that the reader did not make. A record that is lost silently is a patient who is.",
        True,
    ),
    READABLE: (
        "A delivery that cannot be opened (empty, changed after it was read, unusable options, an "
        "unusable name) or read to the end waits in landing until somebody mends it.",
        False,
    ),
    WHOLE: (
        "A file that breaks off or is damaged is read up to there, so how many records it holds is "
        "unknown. Deliver it whole under a new name.",
        False,
    ),
    QUARANTINE: (
        "Refused records wait in quarantine with their reasons: medplatform quarantine.",
        False,
    ),
    MODELLED: (
        "Records of kinds without a table are counted and stay in landing; this names them.",
        False,
    ),
}

_NO_ROWS = "No new delivery with rows of this table."


def lake_key(table: Table | TableFamily) -> dg.AssetKey:
    """Asset key of a lake table, or of a family of them."""
    return dg.AssetKey(["lake", table.name])


def check_specs(modality: Modality) -> Iterator[dg.AssetCheckSpec]:
    """The checks of every table of a modality, those of a family's tables taken together."""
    for table in modality.declared:
        for check in checks_of(table):
            yield dg.AssetCheckSpec(
                check.name,
                asset=lake_key(table),
                description=check.why,
                blocking=check.severity == "critical",
            )
    for name, (why, blocking) in STANDING_CHECKS.items():
        yield dg.AssetCheckSpec(
            name, asset=lake_key(modality.tables[0]), description=why, blocking=blocking
        )


def check_results(
    installation: Installation, modality: Modality, table: Table, receipts: Sequence[Receipt]
) -> Iterator[dg.AssetCheckResult]:
    """What the checks of a table say after some deliveries were read."""
    findings = [
        (receipt.delivery, Finding.model_validate(finding))
        for receipt in receipts
        if receipt.is_new and receipt.entry
        for finding in receipt.entry.findings
    ]
    for check in checks_of(table):
        mine = [
            (delivery, finding)
            for delivery, finding in findings
            if finding.check == check.name and modality.covers(table, finding.table)
        ]
        yield _finding_result(check.name, table, mine)
    if table is modality.tables[0]:
        counted = [finding for _, finding in findings if finding.check == COUNT_CHECK]
        yield _count_result(table, counted, receipts)
        yield _readable_result(table, receipts)
        yield _whole_result(installation, modality, table)
        yield _quarantine_result(installation, modality, table)
        yield _modelled_result(installation, modality, table)


def _finding_result(
    name: str, table: Table, findings: Sequence[tuple[str, Finding]]
) -> dg.AssetCheckResult:
    is_critical = CHECKS[name].severity == "critical"
    rows: dict[str, int] = {}
    broken: Counter[str] = Counter()
    for delivery, finding in findings:
        rows[delivery] = max(rows.get(delivery, 0), finding.rows)
        if not finding.success:
            broken[delivery] += finding.value
    return dg.AssetCheckResult(
        asset_key=lake_key(table),
        check_name=name,
        passed=not broken,
        severity=dg.AssetCheckSeverity.ERROR if is_critical else dg.AssetCheckSeverity.WARN,
        description=_describe(broken, is_critical) if rows else _NO_ROWS,
        metadata={
            "value": sum(finding.value for _, finding in findings),
            "threshold": sum(finding.threshold for _, finding in findings),
            "rows of the new deliveries": sum(rows.values()),
            "rules": show.records(
                [
                    {"delivery": delivery, "table": f.table, "rule": f.rule,
                     "rows that break it": f.value, "allowed": f.threshold, "passed": f.success}
                    for delivery, f in findings
                ]
            ),
        },
    )  # fmt: skip


def _describe(broken: Mapping[str, int], is_critical: bool) -> str | None:
    """Which deliveries broke a check, by how many rows, and what became of them."""
    if not broken:
        return None
    names = ", ".join(f"{delivery} ({rows} rows)" for delivery, rows in broken.items())
    outcome = (
        "Nothing of them was published: correct them at the source and deliver them under a new "
        "name."
        if is_critical
        else "They were published all the same."
    )
    return f"Broken by {names}. {outcome}"


def _count_result(
    table: Table, findings: Sequence[Finding], receipts: Sequence[Receipt]
) -> dg.AssetCheckResult:
    total: dict[str, Counts] = {}
    for receipt in receipts:
        for unit, counts in (
            receipt.entry.counts().items() if receipt.is_new and receipt.entry else ()
        ):
            total[unit] = total.get(unit, Counts()) + counts
    return dg.AssetCheckResult(
        asset_key=lake_key(table),
        check_name=COUNT_CHECK,
        passed=all(finding.success for finding in findings),
        metadata={
            "value": sum(finding.value for finding in findings),
            "threshold": 0,
            "counts": show.records(
                [{"record": unit, **counts.model_dump()} for unit, counts in total.items()]
            ),
        },
    )


def _readable_result(table: Table, receipts: Sequence[Receipt]) -> dg.AssetCheckResult:
    problems = [receipt for receipt in receipts if receipt.status == "unreadable"]
    return dg.AssetCheckResult(
        asset_key=lake_key(table),
        check_name=READABLE,
        passed=not problems,
        description="; ".join(str(receipt.problem) for receipt in problems) or None,
        metadata={"value": len(problems), "threshold": 0},
    )


def _whole_result(
    installation: Installation, modality: Modality, table: Table
) -> dg.AssetCheckResult:
    broken = [
        {"delivery": entry.delivery, "files": sum(reading.refusals.get(c, 0) for c in INCOMPLETE)}
        for entry in installation.lake.ledger.entries(modality.name)
        for reading in entry.readings
        if is_incomplete(reading)
    ]
    names = ", ".join(str(row["delivery"]) for row in broken)
    return dg.AssetCheckResult(
        asset_key=lake_key(table),
        check_name=WHOLE,
        passed=not broken,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Read only up to a break: {names}." if broken else None,
        metadata={"value": len(broken), "threshold": 0, "files": show.records(broken)},
    )


def _quarantine_result(
    installation: Installation, modality: Modality, table: Table
) -> dg.AssetCheckResult:
    codes: Counter[str] = Counter()
    refused = 0
    for entry in installation.lake.ledger.entries(modality.name):
        for reading in entry.readings:
            codes.update(reading.refusals)
            refused += sum(counts.quarantined for counts in reading.counts().values())
    return dg.AssetCheckResult(
        asset_key=lake_key(table),
        check_name=QUARANTINE,
        passed=refused == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{refused} records are in quarantine." if refused else None,
        metadata={
            "value": refused,
            "threshold": 0,
            "reasons": show.records([{"code": c, "reasons": n} for c, n in codes.most_common(20)]),
        },
    )


def _modelled_result(
    installation: Installation, modality: Modality, table: Table
) -> dg.AssetCheckResult:
    kinds: Counter[str] = Counter()
    for entry in installation.lake.ledger.entries(modality.name):
        kinds.update(entry.kept_kinds)
    names = ", ".join(f"{kind} ({number})" for kind, number in kinds.most_common())
    return dg.AssetCheckResult(
        asset_key=lake_key(table),
        check_name=MODELLED,
        passed=not kinds,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Kept in landing: {names}." if kinds else None,
        metadata={"value": kinds.total(), "threshold": 0},
    )
