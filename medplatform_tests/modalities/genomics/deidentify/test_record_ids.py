"""Ids of records: public ones stay, others become tokens that still link records."""

import pyarrow as pa
import pytest

from medplatform.modalities.genomics.deidentify.record_ids import RecordIds
from medplatform.privacy import Identity


@pytest.mark.parametrize(
    "name",
    [
        "rs334", "ss1234", "esv12", "nsv12", "essv12", "nssv12", "dgv1n82", "COSM476", "COSV578",
        "RCV000123456.1", "22:16050075:A:G", "chrX-100-A-T", "rs1;rs2", ".",
    ],
)  # fmt: skip
def test_public_ids_stay(identity: Identity, name: str) -> None:
    assert RecordIds(identity).protect(pa.array([name, None])).to_pylist() == [name, None]


@pytest.mark.parametrize(
    "name", ["MRN-77", "case12_3", "4711", "HG00096", "rs334x", "MantaBND:0:1"]
)
def test_other_ids_become_tokens(identity: Identity, name: str) -> None:
    (token,) = RecordIds(identity).protect(pa.array([name])).to_pylist()
    assert token == identity.token("genomics_record", name)


def test_mates_still_find_each_other(identity: Identity) -> None:
    ids = RecordIds(identity)
    own = ids.protect(pa.array(["case1_a;rs5", "case1_b", "rs7", None]))
    mates = ids.protect(
        pa.array([["case1_b"], ["case1_a", "rs5"], None, []], pa.list_(pa.string()))
    )
    first, second, *rest = own.to_pylist()
    assert rest == ["rs7", None]
    assert mates.to_pylist() == [[second], first.split(";"), None, []]
    assert first.split(";")[1] == "rs5"


def test_nothing_gives_nothing(identity: Identity) -> None:
    assert RecordIds(identity).protect(pa.array([], pa.string())).to_pylist() == []
    assert RecordIds(identity).protect(pa.array([None], pa.string())).to_pylist() == [None]
