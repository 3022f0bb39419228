"""A table is declared once; wrong declarations are refused at import."""

import pyarrow as pa
import pytest

from medplatform.lake import Column, Table
from medplatform_tests.toy import READING


def test_the_schema_carries_meaning_unit_and_phi_class() -> None:
    field = READING.schema().field("value")
    assert field.metadata == {b"description": b"What was read.", b"phi": b"none", b"unit": b"mg"}


def test_required_columns_are_not_nullable() -> None:
    assert not READING.schema().field("patient_id").nullable
    assert READING.schema().field("value").nullable


def test_every_table_can_be_traced_to_its_source_record() -> None:
    assert READING.schema().names[-2:] == ["source_id", "record_number"]


@pytest.mark.parametrize("key", [("missing",), ("value", "missing")])
def test_a_key_of_unknown_columns_is_refused(key: tuple[str, ...]) -> None:
    column = Column(name="value", dtype=pa.int64(), description="A value.")
    with pytest.raises(ValueError, match="unknown"):
        Table(name="toy_x", description="One row per x.", columns=(column,), key=key)


def test_a_repeated_column_is_refused() -> None:
    column = Column(name="value", dtype=pa.int64(), description="A value.")
    with pytest.raises(ValueError, match="repeated"):
        Table(name="toy_x", description="One row per x.", columns=(column, column), key=("value",))
