"""Sets of DNA sequences: FASTA files and tables, with labels; what is no DNA is refused."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from medplatform.modalities.genomics.sequences import labels
from medplatform.modalities.genomics.sequences.alphabet import NoDna, measure
from medplatform.modalities.genomics.sequences.fasta import read_header
from medplatform_tests.modalities.genomics.conftest import Read, Reading
from medplatform_tests.public_data import PUBLIC_DATA


def rows(reading: Reading) -> list[dict]:
    reading.assert_counts_add_up()
    return reading.rows("genomics_sequence")


def test_records_of_a_fasta_file(read: Read) -> None:
    text = (
        b">s1 label=1\r\nACGT\r\nacgtn\r\n\r\n>s2 Homo sapiens, Jane Doe\nGGCC\n"
        b">s3|0|training\nRY-.A\n"
    )
    reading = read({"set.fa": text})
    found = [
        (r["record_number"], r["sequence"], r["label"], r["delivered_split"]) for r in rows(reading)
    ]
    assert found == [
        (1, "ACGTACGTN", "1", None),
        (5, "GGCC", None, None),
        (7, "RY--A", "0", "training"),
    ]
    first, _, third = rows(reading)
    assert (first["length"], first["n_count"], first["gc_fraction"]) == (9, 1, 0.5)
    assert (first["has_soft_mask"], first["masked_count"]) == (True, 5)
    assert (third["ambiguous_count"], third["gap_count"], third["gc_fraction"]) == (2, 2, 0)
    assert first["sequence_id"] == reading.identity.token("sequence", "s1")
    assert "Jane" not in str(rows(reading))
    assert reading.refusals() == []


def test_bad_records_are_refused_and_the_others_read(read: Read) -> None:
    text = (
        b"; a comment\nACGT\n>empty\n>protein\nMKVLAWQE\n>rna\nACGU\n>odd\nAC9T\n>both\nACUT\n"
        b">bases that are residues\nMSRKVVSKHYDDSWVRK\n>\xff\nACGT\n>ok\nA C G T\n>ok\nAAAA\n"
    )
    reading = read({"set.fasta": text})
    assert reading.errors() == [
        ("sequence", 2, "fasta.no_header"),
        ("sequence", 3, "sequence.empty"),
        ("sequence", 4, "sequence.protein"),
        ("sequence", 6, "sequence.rna"),
        ("sequence", 8, "sequence.alphabet"),
        ("sequence", 10, "sequence.alphabet"),
        ("sequence", 12, "sequence.protein"),
        ("sequence", 14, "record.encoding"),
        ("sequence", 18, "sequence.duplicate_name"),
    ]
    assert [row["sequence"] for row in rows(reading)] == ["ACGT"]
    offsets = [row["byte_offset"] for row in reading.refusals()]
    assert text[offsets[2] :].startswith(b">protein")


def test_a_chromosome_is_no_example(read: Read) -> None:
    reading = read({"set.fa": b">chr\n" + b"ACGTACGT\n" * 140_000 + b">s\nACGT\n"})
    assert reading.errors() == [("sequence", 1, "sequence.too_long")]
    assert len(rows(reading)) == 1


def test_labels_in_a_file_of_their_own(read: Read) -> None:
    labels = (
        b"sequence_id,label,split\ns1,exon,train\ns2,intron,test\nlost,exon,train\ns3,exon,train\n"
        b"s3,intron,train\n,exon,train\ns2,intron,test\n"
    )
    reading = read(
        {
            "a.fa.gz": gzip.compress(b">s1 label=x\nACGT\n>s2\nAAAA\n>s3\nCCCC\n"),
            "labels.csv": labels,
        }
    )
    assert [(r["label"], r["delivered_split"]) for r in rows(reading)] == [
        ("exon", "train"),
        ("intron", "test"),
        (None, None),
    ]
    assert sorted(reading.warnings()) == [
        (1, "labels.conflict"),
        (4, "labels.unknown_sequence"),
        (6, "labels.ambiguous"),
        (7, "labels.malformed"),
    ]
    assert reading.counts("labels.csv") == {"file": (1, 1, 0, 0, 0)}


@pytest.mark.parametrize("labels", [b"name,class\ns1,1\n", b"sequence_id,label\n\xff,1\n", b""])
def test_labels_that_cannot_be_read(read: Read, labels: bytes) -> None:
    reading = read({"a.fa": b">s1\nACGT\n", "labels.csv": labels})
    assert reading.errors() == [("file", 0, "labels.unreadable")]
    assert [row["label"] for row in rows(reading)] == [None]


def test_a_label_file_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(b"sequence_id,label\n" + b"\n" * 100_000 + b"s1,exon\ns2," + b"x" * 4096)
    tracemalloc.start()
    found = labels.read_labels(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6_000_000
    assert list(found.rows) == ["s1"]
    assert found.remarks == [(100_003, "labels.malformed")]


def test_a_label_file_of_too_many_rows_is_refused(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(labels, "MAX_ROWS", 1)
    said = b"sequence_id,label\ns1,exon\ns1,exon\n"
    reading = read({"a.fa": b">s1\nACGT\n", "labels.csv": said})
    assert reading.errors() == [("file", 0, "labels.too_many")]
    assert [row["label"] for row in rows(reading)] == [None]


def test_a_table_with_a_header(read: Read) -> None:
    text = (
        b'Seq\tlabel\tsplit\ttask\tnote\nacgt\t1\ttrain\tenhancer\t"x\nACGT\t0\n\n'
        b"ACGT\t0\ttest\tsplice\ty\nXYZ\t1\t\t\t\n"
    )
    reading = read({"set.tsv": text})
    (row,) = rows(reading)
    assert (row["label"], row["delivered_split"], row["task"]) == ("0", "test", "splice")
    assert reading.errors() == [
        ("sequence", 2, "table.malformed"),
        ("sequence", 3, "table.malformed"),
        ("sequence", 6, "sequence.protein"),
    ]
    assert reading.counts("set.tsv") == {"sequence": (5, 1, 3, 1, 0)}


def test_a_table_without_a_header(read: Read) -> None:
    dna = "tactagcaatacgcttgcgttcggtggttaag"
    reading = read({"promoters.data": f"+,S10,\t\t{dna}\n-,S11, {dna}\n-,S11,\n".encode()})
    assert [(r["label"], r["sequence"], r["has_soft_mask"]) for r in rows(reading)] == [
        ("+", dna.upper(), False),
        ("-", dna.upper(), False),
    ]
    assert reading.errors() == [("sequence", 3, "sequence.empty")]


def test_names_may_repeat_in_a_table_and_texts_are_no_classes(read: Read) -> None:
    reading = read({"a.csv": b"name,sequence,label\na,ACGT,1\na,ACGA," + b"x" * 65 + b"\n"})
    assert [row["label"] for row in rows(reading)] == ["1", None]
    assert reading.warnings() == [(3, "sequence.label_too_long")]


def test_a_table_without_sequences_is_none_of_ours(read: Read) -> None:
    reading = read({"notes.csv": b"a,b\n1,2\n"})
    assert reading.errors() == [("file", 0, "header.missing")]
    assert rows(reading) == []


def test_a_file_that_breaks_off_loses_its_last_record(read: Read) -> None:
    lines = "".join(f">s{n}\n{'ACGT' * (n * 7919 % 97 + 1)}\n" for n in range(4000))
    whole = gzip.compress(lines.encode())
    reading = read({"a.fa.gz": whole[: len(whole) // 2]})
    last = 2 * len(rows(reading)) + 1
    assert reading.errors() == [("sequence", last, "record.cut"), ("file", 0, "file.truncated")]


def test_copies_and_damage(read: Read) -> None:
    broken = bytearray(gzip.compress(b">s\nACGT\n" * 100))
    broken[-6] ^= 255
    reading = read({"a.fa": b">s\nACGT\n", "b.fa": b">s\nACGT\n", "c.fa.gz": bytes(broken)})
    assert len(rows(reading)) == 1
    assert sorted(reading.errors()) == [("file", 0, "file.corrupt"), ("file", 0, "file.duplicate")]


def test_both_strands_have_one_content() -> None:
    assert measure(b"AACGTTTRN")["content_id"] == measure(b"nyaaacgtt")["content_id"]
    assert measure(b"AACG")["content_id"] != measure(b"AACC")["content_id"]


@pytest.mark.parametrize("text", [b"", b"--", b"ACGTX", "ACGÜ".encode()])
def test_what_is_no_dna(text: bytes) -> None:
    with pytest.raises(NoDna):
        measure(text)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("s1 chr1:1-20 class:exon", ("s1", ("exon", None, None))),
        ("s1 task=splice|label=2;split=dev", ("s1", ("2", "dev", "splice"))),
        ("sp|P12345|GENE a protein", ("sp|P12345|GENE", (None, None, None))),
        ("p1|1|Testing", ("p1", ("1", "Testing", None))),
        ("", ("", (None, None, None))),
    ],
)
def test_what_a_header_says(header: str, expected: tuple) -> None:
    assert read_header(header) == expected


PUBLIC = {
    "uci-splice/data/splice.csv.gz": (3190, {"EI", "IE", "N"}, {60}),
    "uci-promoters/data/promoters.data": (106, {"+", "-"}, {57}),
    "fmhub/toy_data/genomics/dna_sequences/promoters_nontata/test.tsv.gz": (
        9034,
        {"0", "1"},
        {251},
    ),
    "fmhub/toy_data/genomics/dna_sequences/enhancers_cohn/test.tsv.gz": (6948, {"0", "1"}, {500}),
}


@pytest.mark.real
@pytest.mark.parametrize(("name", "known"), PUBLIC.items())
def test_public_sets(read: Read, name: str, known: tuple[int, set[str], set[int]]) -> None:
    path = PUBLIC_DATA / "dna" / name
    if not path.is_file():
        pytest.skip(f"no public sequences at {path}")
    reading = read({path.name: path})
    found = rows(reading)
    number, labels, lengths = known
    assert len(found) == number
    assert {row["label"] for row in found} == labels
    assert {row["length"] for row in found} == lengths
    assert reading.refusals() == []
