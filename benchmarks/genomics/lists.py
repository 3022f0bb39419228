"""cyvcf2 to Parquet, as fast as that goes without a parser of one's own.

One row per record: the fixed columns, `info_<ID>` and `format_<ID>` typed by the header (a list
where Number is not 1), and diploid genotypes as lists over the samples. The sentinels that htslib
writes for missing values and for the end of a vector become nulls and ends of lists.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cyvcf2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BATCH_VALUES = 1 << 22
"""Genotypes per batch; 4,096 records at most."""
BATCH_RECORDS = 4096
MISSING, END = -(2**31), -(2**31) + 1
FLOAT_MISSING, FLOAT_END = 0x7F800001, 0x7F800002
TYPES = {
    "Integer": pa.int32(),
    "Float": pa.float32(),
    "Flag": pa.bool_(),
    "String": pa.string(),
    "Character": pa.string(),
}


def write_lists(source: Path, target: Path, compression: str) -> None:
    """Write all records of a VCF file."""
    reader = cyvcf2.VCF(str(source))
    size = max(1, min(BATCH_RECORDS, BATCH_VALUES // (len(reader.samples) or 1)))
    fields = list(_fields(reader))
    writer: pq.ParquetWriter | None = None
    for records in _batches(reader, size, fields):
        writer = writer or pq.ParquetWriter(target, records.schema, compression=compression)
        writer.write_table(records)
    if writer:
        writer.close()


class _Field:
    """One INFO or FORMAT field as the header declares it."""

    def __init__(self, definition: dict[str, str]) -> None:
        self.key = definition["ID"]
        self.kind = definition["HeaderType"]
        self.type = TYPES[definition["Type"]]
        self.is_flag = definition["Type"] == "Flag"
        self.is_scalar = self.is_flag or definition["Number"] == "1"

    @property
    def name(self) -> str:
        return f"{self.kind.lower()}_{self.key}"


def _fields(reader: Any) -> Iterator[_Field]:
    for line in reader.header_iter():
        definition = line.info()
        if definition["HeaderType"] in ("INFO", "FORMAT") and definition["ID"] != "GT":
            yield _Field(definition)


def _batches(reader: Any, size: int, fields: list[_Field]) -> Iterator[pa.Table]:
    info = [field for field in fields if field.kind == "INFO"]
    formats = [field for field in fields if field.kind == "FORMAT"] if reader.samples else []
    names = ("chrom", "pos", "id", "ref", "alt", "qual", "filter")
    is_open = True
    while is_open:
        fixed: list[tuple[Any, ...]] = []
        values: dict[str, list[Any]] = {field.key: [None] * size for field in info}
        cells: dict[str, list[Any]] = {field.key: [None] * size for field in formats}
        genotypes: list[np.ndarray] = []
        for row, v in enumerate(_take(reader, size)):
            fixed.append((v.CHROM, v.POS, v.ID, v.REF, v.ALT, v.QUAL, v.FILTERS))
            for key, value in v.INFO:
                values[key][row] = value
            if reader.samples:
                for key in v.FORMAT:
                    if key in cells:
                        cells[key][row] = v.format(key)
                genotypes.append(v.genotype.array())
        count = len(fixed)
        is_open = count == size
        if count:
            columns: dict[str, Any] = dict(zip(names, zip(*fixed, strict=True), strict=True))
            columns |= {f.name: _info(f, values[f.key][:count]) for f in info}
            columns |= {f.name: _format(f, cells[f.key][:count], reader) for f in formats}
            columns |= _genotypes(genotypes) if genotypes else {}
            yield pa.table(columns).cast(_schema(columns))


def _take(reader: Any, size: int) -> Iterator[Any]:
    for _, record in zip(range(size), reader, strict=False):
        yield record


def _schema(columns: dict[str, Any]) -> pa.Schema:
    fixed = {
        "pos": pa.int32(),
        "alt": pa.list_(pa.string()),
        "qual": pa.float32(),
        "filter": pa.list_(pa.string()),
    }
    return pa.schema(
        (name, column.type if isinstance(column, pa.Array) else fixed.get(name, pa.string()))
        for name, column in columns.items()
    )


def _info(field: _Field, values: list[Any]) -> pa.Array:
    if field.is_flag:
        return pa.array([value is not None for value in values])
    if field.is_scalar:
        return pa.array(values, field.type)
    if field.type == pa.string():
        lists = [value if value is None else value.split(",") for value in values]
    else:
        lists = [v if v is None or isinstance(v, tuple) else (v,) for v in values]
    return pa.array(lists, pa.list_(field.type))


def _format(field: _Field, cells: list[Any], reader: Any) -> pa.Array:
    """A list over the samples per record, of values or of lists of them."""
    samples = len(reader.samples)
    is_absent = np.array([cell is None for cell in cells])
    offsets = np.concatenate([[0], np.cumsum(np.where(is_absent, 0, samples))]).astype(np.int32)
    present = [cell for cell in cells if cell is not None]
    if field.type == pa.string():
        texts = [text for cell in present for text in cell.tolist()]
        values = pa.array([None if text == "." else text for text in texts], pa.string())
    elif field.is_scalar:
        first = np.concatenate([c[:, 0] for c in present]) if present else np.zeros(0, np.int32)
        values = _numbers(field, first)
    else:
        values = _vectors(field, present)
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(is_absent))


def _vectors(field: _Field, cells: list[np.ndarray]) -> pa.Array:
    lengths, numbers = [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
    for cell in cells:
        bits = cell.view(np.int32)
        is_value = bits != (FLOAT_END if cell.dtype == np.float32 else END)
        lengths.append(is_value.sum(axis=1))
        numbers.append(cell[is_value])
    offsets = np.cumsum(np.concatenate(lengths)).astype(np.int32)
    dtype = np.float32 if field.type == pa.float32() else np.int32
    return pa.ListArray.from_arrays(
        pa.array(offsets), _numbers(field, np.concatenate(numbers).astype(dtype, copy=False))
    )


def _numbers(field: _Field, numbers: np.ndarray) -> pa.Array:
    if field.type == pa.float32():
        return pa.array(numbers, pa.float32(), mask=np.isnan(numbers))
    return pa.array(numbers, pa.int32(), mask=numbers == MISSING)


def _genotypes(arrays: list[np.ndarray]) -> dict[str, pa.Array]:
    """Alleles and phase of diploid genotypes; -1 (missing) and -2 (haploid) become null."""
    stacked = np.stack(arrays)  # records x samples x (two alleles, phase)
    offsets = pa.array(np.arange(len(stacked) + 1, dtype=np.int32) * stacked.shape[1])
    columns = {}
    for place, name in enumerate(("allele_1", "allele_2")):
        alleles = stacked[:, :, place].ravel().astype(np.int8)
        mask = alleles < 0
        values = pa.array(alleles, mask=mask if mask.any() else None)
        columns[name] = pa.ListArray.from_arrays(offsets, values)
    phased = pa.array(stacked[:, :, 2].ravel().astype(bool))
    return columns | {"is_phased": pa.ListArray.from_arrays(offsets, phased)}
