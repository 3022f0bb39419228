"""Who the events are of: a number for each pseudonym, and the split that the person is in."""

from collections.abc import Iterable
from hashlib import sha256

import duckdb
import meds
import pyarrow as pa

from medplatform.meds.errors import MedsError
from medplatform.training.data import Split, assign_split

SPLITS: dict[Split, str] = {
    "train": meds.train_split,
    "validation": meds.tuning_split,
    "test": meds.held_out_split,
}
"""The platform's name of a split -> the standard's. In this order they are written."""

_NUMBERS = {split: number for number, split in enumerate(SPLITS)}


def make_subject_id(patient_id: str) -> int:
    """The number of a patient: the first 63 bits of the SHA-256 of the pseudonym.

    The same in every export of an installation; the pseudonym is a keyed hash already.
    """
    return int.from_bytes(sha256(patient_id.encode()).digest()[:8], "big") >> 1


def number_subjects(
    connection: duckdb.DuckDBPyConnection, patients: Iterable[list[str]], salt: str
) -> None:
    """Make the table `subject`: patient_id, subject_id, split (position in `SPLITS`).

    Raises
    ------
    MedsError
        Two patients have the same number.
    """
    connection.execute(
        "create table subject (patient_id varchar, subject_id bigint, split utinyint)"
    )
    for patient_ids in patients:
        numbered = pa.table(
            {
                "patient_id": patient_ids,
                "subject_id": pa.array(map(make_subject_id, patient_ids), pa.int64()),
                "split": pa.array(
                    (_NUMBERS[split] for split in assign_split(patient_ids, salt)), pa.uint8()
                ),
            }
        )
        connection.register("numbered", numbered)
        connection.execute("insert into subject select * from numbered")
        connection.unregister("numbered")
    clashes = connection.execute(
        "select subject_id from subject group by subject_id having count(*) > 1"
    ).fetchall()
    if clashes:
        raise MedsError(
            "Two patients have the same 63-bit number, so that their events would be mixed. "
            "Report this: the numbers need more bits than the standard gives."
        )
