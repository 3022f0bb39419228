"""Writes genomics_annotation beside the variants of a file, and warns of what it leaves out."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
import polars as pl
import pyarrow as pa

from medplatform.modalities.genomics.annotation.fields import is_public
from medplatform.modalities.genomics.annotation.layout import Layout, find_layouts
from medplatform.modalities.genomics.annotation.rows import Records, annotate
from medplatform.modalities.genomics.annotation.split import MAX_ANNOTATIONS
from medplatform.modalities.genomics.deidentify.texts import TextPolicy, scrub
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.records.sites import Rows, Sites
from medplatform.modalities.genomics.tables.annotation import ANNOTATION
from medplatform.modalities.report import FileReport

_NUMBERS = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
_TEXTS = [c.name for c in ANNOTATION.columns if c.dtype in (pa.string(), pa.list_(pa.string()))]


class AnnotationTable:
    """Makes the rows of genomics_annotation; see `sites.SiteTable`.

    A text may hold anything, so one that is not a number is kept only in fields that the public
    tools define or the policy keeps, and names of samples and patients are replaced in it.
    """

    def __init__(
        self,
        header: Header,
        report: FileReport,
        policy: TextPolicy,
        names: Mapping[str, str],
    ) -> None:
        self._report = report
        self._policy = policy
        self._names = names
        self._dropped: set[str] = set()
        descriptions = {key: known.description for key, known in header.info.items()}
        self._layouts = list(find_layouts(descriptions).values())

    def __call__(self, sites: Sites) -> Iterator[Rows]:
        """The annotations of the records, per key."""
        if not self._layouts:
            return
        info = pl.Series(sites.info_text, dtype=pl.String)
        records = Records(
            sites.frame["position"],
            sites.frame["reference_allele"],
            sites.frame["alternate_alleles"],
        )
        for layout in self._layouts:
            rows, unread, excess, _ = annotate(info, records, layout)
            self._warn_of_unread(sites, layout, unread)
            self._warn_of_excess(sites, layout, excess)
            if rows.height:
                yield self._rows(sites, layout, rows)

    def _rows(self, sites: Sites, layout: Layout, rows: pl.DataFrame) -> Rows:
        of_records = rows["site"].to_numpy()
        columns = self._without_private_texts(rows.drop("site"), layout).to_arrow(
            compat_level=pl.CompatLevel.oldest()
        )
        cells = {name: columns[name].combine_chunks() for name in columns.column_names}
        for name in cells:
            if name.startswith("csq_") or name in _TEXTS:
                cells[name] = scrub(cells[name], self._names)
        cells["variant_id"] = sites.frame["variant_id"].gather(of_records).to_arrow()
        return Rows(ANNOTATION, of_records.astype(np.int64), cells)

    def _without_private_texts(self, rows: pl.DataFrame, layout: Layout) -> pl.DataFrame:
        """Texts that are no numbers are kept of known fields only."""
        emptied = []
        for name in rows.columns:
            if name.startswith("csq_") and not is_public(name, self._policy):
                is_text = ~pl.col(name).str.contains(_NUMBERS)
                if rows.select(is_text.any()).item():
                    emptied.append(pl.when(~is_text).then(pl.col(name)).alias(name))
                    self._warn_of_dropped(layout, name)
        return rows.with_columns(emptied)

    def _warn_of_dropped(self, layout: Layout, column: str) -> None:
        element = f"INFO/{layout.key}/{column.removeprefix('csq_')}"
        if element not in self._dropped:
            self._dropped.add(element)
            self._report.warn(
                "annotation.text_dropped",
                "No public tool defines this field, so its texts were left out: they may name "
                "people. Where they do not, list it under the kept keys of delivery.json.",
                element=element,
            )

    def _warn_of_unread(self, sites: Sites, layout: Layout, unread: list[int]) -> None:
        numbers = sites.first_number + sites.rows
        for site, number in sorted(Counter(unread).items()):
            self._report.warn(
                "annotation.fields",
                f"{number} annotations of the record do not have the fields that the "
                "header states, so they were left out; the others were read. Annotate it again.",
                int(numbers[site]),
                f"INFO/{layout.key}",
            )

    def _warn_of_excess(self, sites: Sites, layout: Layout, excess: list[int]) -> None:
        numbers = sites.first_number + sites.rows
        for site, number in sorted(Counter(excess).items()):
            self._report.warn(
                "annotation.too_many",
                f"The record has {number} annotations more than the {MAX_ANNOTATIONS} that are "
                "read, so they were left out. Annotate it with fewer transcripts.",
                int(numbers[site]),
                f"INFO/{layout.key}",
            )
