"""A cohort as DICOM files: originals of the lake's images, de-identified by the policy of now.

Every selected instance is in the manifest, written or left out with its reason.
"""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import polars as pl

from medplatform.lake import Lake
from medplatform.lake.current import LINEAGE_COLUMNS
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.imaging.current import current_images
from medplatform.modalities.imaging.deidentify import Policy, finish
from medplatform.modalities.imaging.export.original import Original, Pixels
from medplatform.modalities.imaging.export.written import write_dicom
from medplatform.modalities.imaging.isolation import ReadingProcess
from medplatform.modalities.imaging.layout import Kind
from medplatform.modalities.imaging.records import Failure
from medplatform.modalities.imaging.sources import Contents, Held
from medplatform.modalities.modality import Progress, silent
from medplatform.privacy import Identity, UnresolvedSubject
from medplatform.transfer.private import scratch_folder

MANIFEST = "manifest.csv"
SCRATCH = ".export"
"""In landing, what is unpacked and read for an export while it runs."""
NOT_FOUND = "original.not_found"
CHANGED = "original.changed"
NOT_DICOM = "original.not_dicom"
OTHER_IDENTITY = "original.other_identity"
NO_SOP_CLASS = "original.no_sop_class"
SOP_CLASS_UID = "00080016"

_COLUMNS = ("instance_id", "series_id", "study_id", "patient_id", "modality")
_MANIFEST = {**dict.fromkeys(_COLUMNS, pl.String), "delivery": pl.String} | {
    "pixels": pl.String,
    "transfer_syntax_uid": pl.String,
    "file": pl.String,
    "left_out": pl.String,
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which images are asked for: those that meet each of what is named."""

    series: Sequence[str] = ()
    patients: Sequence[str] = ()
    delivery: str | None = None

    def of(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        """The rows that are asked for."""
        for name, chosen in (("series_id", self.series), ("patient_id", self.patients)):
            if chosen:
                rows = rows.filter(pl.col(name).is_in(list(chosen)))
        return rows.filter(pl.col("delivery") == self.delivery) if self.delivery else rows


def export_dicom(
    lake: Lake,
    landing: Path,
    identity: Identity,
    policy: Policy,
    out: Path,
    selection: Selection,
    *,
    deleted_patients: Collection[str] = (),
    progress: Progress = silent,
) -> pl.DataFrame:
    """Write the selected images below `out`, and `manifest.csv` of them and of what was left out.

    Files are named `<patient>/<study>/<series>/<instance>.dcm` by the ids of the lake, and replace
    those of the same name. Pixels that need no cleaning keep their values and transfer syntax.

    Returns
    -------
    pl.DataFrame
        The manifest: one row per instance, with `file` below `out`, or the code of the reason for
        which it was `left_out`.
    """
    rows = select_instances(lake, selection, deleted_patients)
    out.mkdir(parents=True, exist_ok=True)
    manifest = []
    with (
        scratch_folder(landing / SCRATCH) as scratch,
        ReadingProcess(folder=scratch, policy=policy) as process,
    ):
        exporter = _Exporter(landing, identity, process, out, scratch)
        for row in exporter.export(rows):
            manifest.append(row)
            progress("images", len(manifest), len(rows))
    table = pl.DataFrame(manifest, schema=_MANIFEST).sort("patient_id", "series_id", "instance_id")
    table.write_csv(out / MANIFEST)
    return table


def select_instances(
    lake: Lake, selection: Selection, deleted_patients: Collection[str] = ()
) -> list[Row]:
    """The selected instances that count (see `medplatform.lake.current`), by their sources."""
    rows = current_images(lake, _COLUMNS, deleted_patients=deleted_patients)
    return selection.of(rows).sort(LINEAGE_COLUMNS).collect().to_dicts()


@dataclass(frozen=True, slots=True)
class _Exporter:
    """Writes the originals of instances one after another."""

    landing: Path
    identity: Identity
    process: ReadingProcess
    out: Path
    scratch: Path

    def export(self, rows: list[Row]) -> Iterator[Row]:
        """A row of the manifest for each instance, in any order."""
        deliveries: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            deliveries[row["delivery"]].append(row)
        for delivery, wanted in deliveries.items():
            yield from self._export_delivery(delivery, wanted)

    def _export_delivery(self, name: str, rows: list[Row]) -> Iterator[Row]:
        wanted = {(row["source_id"], row["record_number"]): row for row in rows}
        sources = []
        for source_id in dict.fromkeys(row["source_id"] for row in rows):
            source = self._source(source_id)
            if isinstance(source, str):
                for place in [place for place in wanted if place[0] == source_id]:
                    yield _left_out(wanted.pop(place), source)
            else:
                sources.append(source)
        sources.sort(key=lambda source: source.path)
        delivery = Delivery("imaging", name, self.landing / "imaging" / name, tuple(sources))
        with Contents(delivery, self.scratch) as contents:
            for found in contents.survey():
                if not isinstance(found, Held):
                    continue  # what lies there is left in `wanted`
                with found:
                    row = wanted.pop((found.item.source.source_id, found.item.number), None)
                    if row:
                        yield self._export_instance(row, found)
        for row in wanted.values():
            yield _left_out(row, NOT_FOUND)

    def _source(self, source_id: str) -> Source | str:
        """The delivered file of an id, or the code of what is wrong with it."""
        path = self.identity.source_path(source_id)
        if path is None or not Path(path).is_file():
            return NOT_FOUND
        with Path(path).open("rb") as stream:
            source = Source(
                Path(path), hashlib.file_digest(stream, "sha256").hexdigest(), stream.tell()
            )
        return source if source.source_id == source_id else CHANGED

    def _export_instance(self, row: Row, held: Held) -> Row:
        if held.item.kind is not Kind.DICOM:
            return _left_out(row, NOT_DICOM)
        opened = self.process.read("original", held.path)
        if isinstance(opened, Failure):
            return _left_out(row, opened.code)
        original = cast(Original, opened.header)
        pixels = next(cast(Iterator[Pixels], opened.cells), None)
        try:
            subject = self.identity.subject_of_issuer(original.issuer, original.patient_id)
        except UnresolvedSubject as error:
            return _left_out(row, error.code)
        elements = finish(original.prepared, self.identity, subject)
        if subject.patient_id != row["patient_id"]:
            return _left_out(row, OTHER_IDENTITY)
        if not any(each.path == SOP_CLASS_UID and each.text for each in elements):
            return _left_out(row, NO_SOP_CLASS)
        file = _file(row)
        write_dicom(elements, pixels, self.out / file)
        return {
            **_named(row),
            "pixels": _pixels(pixels),
            "transfer_syntax_uid": pixels.transfer_syntax_uid if pixels else None,
            "file": file.as_posix(),
            "left_out": None,
        }


def _file(row: Row) -> Path:
    folders = (row["patient_id"], row["study_id"] or "no-study", row["series_id"] or "no-series")
    return Path(*folders, f"{row['instance_id']}.dcm")


def _pixels(pixels: Pixels | None) -> str:
    if pixels is None:
        return "none"
    return "as delivered" if pixels.is_as_delivered else "cleaned"


def _left_out(row: Row, code: str) -> Row:
    nothing = dict.fromkeys(("pixels", "transfer_syntax_uid", "file"))
    return {**_named(row), **nothing, "left_out": code}


def _named(row: Row) -> Row:
    return {name: row[name] for name in (*_COLUMNS, "delivery")}
