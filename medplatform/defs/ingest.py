"""Assets and checks of the lake: one multi-asset per modality, one asset per table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import sha256

import dagster as dg
from pydantic import Field

from medplatform.defs import show
from medplatform.ingest import INCOMPLETE, Receipt, ingest_pending, is_incomplete
from medplatform.installation import Installation
from medplatform.lake import Counts, Table
from medplatform.modalities import MODALITIES
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


class IngestConfig(dg.Config):
    """What one ingest run reads."""

    deliveries: list[str] = Field(
        default=[], description="Names of deliveries; empty: all closed ones not read yet."
    )
    again: bool = Field(
        default=False, description="Read the named deliveries anew and replace their rows."
    )


def lake_key(table: Table) -> dg.AssetKey:
    """Asset key of a lake table."""
    return dg.AssetKey(["lake", table.name])


def ingest_assets() -> list[dg.AssetsDefinition]:
    """The ingest step of every modality."""
    return [_ingest_asset(modality) for modality in MODALITIES.values()]


def _ingest_asset(modality: Modality) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=f"ingest_{modality.name}",
        specs=[_spec(table) for table in modality.tables],
        check_specs=list(_check_specs(modality)),
        group_name=modality.name,
        pool=f"ingest_{modality.name}",
        description=f"Reads every new delivery of {modality.title.lower()} into the lake.",
    )
    def ingest(
        context: dg.AssetExecutionContext,
        config: IngestConfig,
        installation: dg.ResourceParam[Installation],
    ) -> Iterator[dg.MaterializeResult]:
        settings = installation.settings
        receipts = ingest_pending(
            modality,
            landing=settings.landing,
            lake=installation.lake,
            identity=installation.identity,
            quiet_period_s=settings.quiet_period_s,
            deliveries=config.deliveries,
            again=config.again,
            progress=show.log_progress(context.log),
        )
        for receipt in receipts:
            context.log.info("%s/%s: %s", receipt.modality, receipt.delivery, receipt.status)
            if receipt.problem:
                context.log.warning(receipt.problem)
        for table in modality.tables:
            yield dg.MaterializeResult(
                asset_key=lake_key(table),
                metadata=_metadata(installation, table, receipts),
                data_version=_data_version(installation, table),
                check_results=list(_check_results(installation, modality, table, receipts)),
            )

    return ingest


def _spec(table: Table) -> dg.AssetSpec:
    return dg.AssetSpec(
        lake_key(table),
        description=table.description,
        kinds={"parquet", "pyarrow"},
        tags={"modality": table.modality, "phi": "de-identified"},
        metadata={"dagster/column_schema": show.column_schema(table)},
    )


def _check_specs(modality: Modality) -> Iterator[dg.AssetCheckSpec]:
    for table in modality.tables:
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


def _metadata(
    installation: Installation, table: Table, receipts: Sequence[Receipt]
) -> dict[str, dg.MetadataValue]:
    added = [r.entry for r in receipts if r.is_new and r.entry]
    rows = installation.lake.rows(table.name)
    return {
        "dagster/row_count": dg.MetadataValue.int(rows),
        "dagster/uri": dg.MetadataValue.path(str(installation.lake.root / table.name)),
        "rows_added": dg.MetadataValue.int(sum(entry.rows(table.name) for entry in added)),
        "new_deliveries": show.records(
            [
                {
                    "delivery": entry.delivery,
                    "status": entry.status,
                    "rows": entry.rows(table.name),
                    "seconds": (entry.finished_at - entry.started_at).total_seconds(),
                }
                for entry in added
            ]
        ),
        "preview": show.preview(installation.lake, table),
    }


def _data_version(installation: Installation, table: Table) -> dg.DataVersion:
    digest = sha256()
    for entry in installation.lake.ledger.entries(table.modality):
        for file in entry.tables.get(table.name, []):
            digest.update(file.sha256.encode())
    return dg.DataVersion(digest.hexdigest()[:16])


def _check_results(
    installation: Installation, modality: Modality, table: Table, receipts: Sequence[Receipt]
) -> Iterator[dg.AssetCheckResult]:
    findings = [
        Finding.model_validate(finding)
        for receipt in receipts
        if receipt.is_new and receipt.entry
        for finding in receipt.entry.findings
    ]
    for check in checks_of(table):
        mine = [f for f in findings if f.table == table.name and f.check == check.name]
        yield _finding_result(check.name, table, mine)
    if table is modality.tables[0]:
        counted = [finding for finding in findings if finding.check == COUNT_CHECK]
        yield _count_result(table, counted, receipts)
        yield _readable_result(table, receipts)
        yield _whole_result(installation, modality, table)
        yield _quarantine_result(installation, modality, table)
        yield _modelled_result(installation, modality, table)


def _finding_result(name: str, table: Table, findings: Sequence[Finding]) -> dg.AssetCheckResult:
    severity = CHECKS[name].severity
    return dg.AssetCheckResult(
        asset_key=lake_key(table),
        check_name=name,
        passed=all(finding.success for finding in findings),
        severity=(
            dg.AssetCheckSeverity.ERROR if severity == "critical" else dg.AssetCheckSeverity.WARN
        ),
        description=None if findings else "No new delivery with rows of this table.",
        metadata={
            "value": sum(finding.value for finding in findings),
            "threshold": sum(finding.threshold for finding in findings),
            "rows of the new deliveries": max((f.rows for f in findings), default=0),
            "rules": show.records(
                [
                    {"rule": f.rule, "rows that break it": f.value, "allowed": f.threshold,
                     "passed": f.success}
                    for f in findings
                ]
            ),
        },
    )  # fmt: skip


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
