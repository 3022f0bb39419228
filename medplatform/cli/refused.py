"""How many records each reason in the quarantine refused.

A file that is refused as a whole has one row there, whatever it holds; how many records that were
is what its counts in the ledger have beyond those that are refused one by one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from medplatform.lake import Lake, LedgerEntry

RECORD = ("source_id", "unit", "record_number")
"""What names a record within a delivery."""


def read_quarantine(reading: "LedgerEntry", lake: "Lake") -> "pl.LazyFrame | None":
    """The reasons that one reading of a delivery left, None where it left none.

    Beside the columns of the quarantine there is `records`: how many records the row stands for.
    """
    import polars as pl

    if not reading.quarantine:
        return None
    paths = [lake.root / file.path for file in reading.quarantine]
    rows = pl.scan_parquet(paths, hive_partitioning=False)
    refused: Counter[str] = Counter()
    for source in reading.sources:  # files of equal content share an id
        refused[source.source_id] += sum(count.quarantined for count in source.counts.values())
    return _weigh(rows, refused)


def count_records(rows: "pl.LazyFrame", by: Sequence[str], record: Sequence[str]) -> "pl.LazyFrame":
    """How many records (`records`) there are in each group; one of several reasons counts once."""
    import polars as pl

    distinct = rows.group_by(list(dict.fromkeys((*by, *record)))).agg(pl.col("records").max())
    return distinct.group_by(*by).agg(pl.col("records").sum())


def _weigh(rows: "pl.LazyFrame", refused: Mapping[str, int]) -> "pl.LazyFrame":
    """Give each row the number of records that it stands for.

    Of several reasons for a whole file the first stands for its records; what follows it is that
    the file also breaks off.
    """
    import polars as pl

    is_error = pl.col("severity") == "error"
    is_whole = is_error & (pl.col("unit") == "file") & (pl.col("record_number") == 0)
    alone = (
        rows.filter(is_error & ~is_whole)
        .group_by("source_id")
        .agg(pl.struct(RECORD).n_unique().cast(pl.Int64).alias("alone"))
    )
    schema = {"source_id": pl.String, "refused": pl.Int64}
    totals = pl.LazyFrame(list(refused.items()), schema, orient="row")
    rest = pl.col("refused") - pl.col("alone").fill_null(0) - (is_whole.sum() - 1).over("source_id")
    is_first = is_whole & (is_whole.cum_sum().over("source_id") == 1)
    return (
        rows.join(totals, on="source_id", how="left", maintain_order="left")
        .join(alone, on="source_id", how="left", maintain_order="left")
        .with_columns(records=pl.when(is_first).then(pl.max_horizontal(rest, 1)).otherwise(1))
        .drop("refused", "alone")
    )
