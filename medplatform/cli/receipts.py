"""What `medplatform ingest` says of the deliveries that it read."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli.refused import RECORD, count_records, read_quarantine
from medplatform.cli.terminal import print_table

if TYPE_CHECKING:
    from medplatform.ingest import Receipt
    from medplatform.lake import Lake, LedgerEntry

FAILED = 1
REFUSED = 3
_MOST_REASONS = 5


def exit_code(receipts: "Sequence[Receipt]") -> int:
    """0: all was accepted or kept; 3: records were refused or a file broke off; 1: not read."""
    if any(receipt.status in ("rejected", "unreadable") for receipt in receipts):
        return FAILED
    return REFUSED if any(_is_refused(r) or r.is_incomplete for r in receipts) else 0


def show_receipts(receipts: "Sequence[Receipt]", lake: "Lake") -> None:
    """Print what became of the records: kept, refused and why, failed checks, and remarks."""
    rows = [row for receipt in receipts for row in _rows(receipt)]
    if rows:
        print_table("Records", rows)
    for receipt in receipts:
        _say(receipt)
    refused = [receipt for receipt in receipts if _is_refused(receipt)]
    reasons = [row for receipt in refused for row in _reasons(receipt, lake)]
    if reasons:
        print_table("Why records were refused: the most frequent reasons", reasons)
    if failed := [row for receipt in receipts if receipt.is_new for row in _failed_checks(receipt)]:
        print_table("Checks that failed", failed)
    remarked = [receipt for receipt in receipts if receipt.is_new and _say_remarks(receipt, lake)]
    for receipt in receipts:
        if receipt in refused or receipt in remarked:
            click.echo(f"See: medplatform quarantine {receipt.modality} -d {receipt.delivery}")
        if receipt in refused and receipt.status == "unchanged":
            click.echo(
                f"{receipt.delivery} was read before. To read it anew: "
                f"medplatform ingest {receipt.modality} --delivery {receipt.delivery} --again"
            )


def status_of(receipt: "Receipt") -> str:
    """The status of a receipt in words."""
    status = "nothing accepted" if receipt.has_nothing_accepted else receipt.status
    return f"{status}, incomplete" if receipt.is_incomplete else status


def delivered_of(entry: "LedgerEntry", unit: str, delivered: int) -> int | str:
    """How many records were delivered; "≥ n" where a file was read only up to a break."""
    from medplatform.ingest import is_incomplete

    return f"≥ {delivered}" if unit != "file" and is_incomplete(entry) else delivered


def _rows(receipt: "Receipt") -> Iterator[dict[str, Any]]:
    entry = receipt.entry
    for unit, counts in entry.counts().items() if entry else ():
        facts = {"delivery": receipt.delivery, "status": status_of(receipt), "record": unit}
        delivered = delivered_of(entry, unit, counts.delivered) if entry else None
        yield {**facts, **counts.model_dump(), "delivered": delivered}


def _say(receipt: "Receipt") -> None:
    """What a table has no column for."""
    name, entry = receipt.delivery, receipt.entry
    if entry and entry.duplicate_of:
        click.echo(
            f"{name} is a copy of {entry.duplicate_of}; nothing was read. To read that anew: "
            f"medplatform ingest {receipt.modality} --delivery {entry.duplicate_of} --again"
        )
    if entry and entry.kept_kinds:
        kinds = ", ".join(f"{kind} ({number})" for kind, number in entry.kept_kinds.items())
        click.echo(f"{name}: kept in landing, and in no table: {kinds}.")
    if receipt.is_incomplete:
        click.secho(
            f"{name}: a file was read only up to a break, so more was delivered than could be "
            f"counted. Deliver the whole file under a new name.",
            fg="yellow",
            err=True,
        )
    if receipt.problem:
        click.secho(receipt.problem, fg="red", err=True)


def _say_remarks(receipt: "Receipt", lake: "Lake") -> bool:
    """Say with which remarks records were read; whether there are any."""
    found = read_quarantine(receipt.entry, lake) if receipt.entry else None
    if found is None:
        return False
    import polars as pl

    is_remark = pl.col("severity") == "warning"
    codes = (
        found.filter(is_remark)
        .group_by("code")
        .len()
        .sort(["len", "code"], descending=[True, False])
    )
    told = [f"{code} ({number})" for code, number in codes.collect().iter_rows()]
    if not told:
        return False
    more = f" and {len(told) - _MOST_REASONS} other reasons" if len(told) > _MOST_REASONS else ""
    click.echo(
        f"{receipt.delivery} was read with remarks: {', '.join(told[:_MOST_REASONS])}{more}."
    )
    return True


def _failed_checks(receipt: "Receipt") -> list[dict[str, Any]]:
    """Which rules the tables of a delivery break, by how much, and in how many rows."""
    shown = ("table", "check", "rule", "severity")
    findings = receipt.entry.findings if receipt.entry else []
    return [
        {"delivery": receipt.delivery}
        | {name: finding.get(name) for name in shown}
        | {"found": finding.get("value"), "limit": finding.get("threshold")}
        | {"rows": finding.get("rows")}
        for finding in findings
        if not finding["success"]
    ]


def _is_refused(receipt: "Receipt") -> bool:
    counts = receipt.entry.counts().values() if receipt.entry else ()
    return any(count.quarantined for count in counts)


def _reasons(receipt: "Receipt", lake: "Lake") -> list[dict[str, Any]]:
    assert receipt.entry
    found = read_quarantine(receipt.entry, lake)
    if found is None:
        return []
    top = (
        count_records(found.filter(severity="error"), ["code", "reason"], RECORD)
        .sort(["records", "code"], descending=[True, False])
        .head(_MOST_REASONS)
        .collect()
    )
    return [
        {"delivery": receipt.delivery, "code": row["code"], "records": row["records"]}
        | {"reason": row["reason"]}
        for row in top.to_dicts()
    ]
