"""The public collection of odd VCF files: every file is read as far as it can be."""

from pathlib import Path

import pytest

from medplatform_tests.modalities.genomics.conftest import Read

pytestmark = pytest.mark.real

EXPECTED = {
    "01_string_in_integer_format": ["format.type"],
    "02_bad_float_info": ["info.value_type"],
    "03_too_few_sample_cols": ["line.too_few_columns"],
    "04_too_many_sample_cols": ["line.too_many_columns"],
    "05_dot_in_numberA_list": [],
    "06_AC_wrong_count_multiallelic": ["info.cardinality"],
    "07_GT_allele_out_of_range": ["genotype.unknown_allele"],
    "08_no_contig_lines": [],
    "09_undeclared_info_filter_format": [],
    "10_crlf": [],
    "13_duplicate_record": ["record.duplicate"],
    "15_info_end_before_pos": ["info.end_before_position"],
    "20_trailing_fields_dropped": [],
    "21_qual_inf_nan_exp": [],
    "22_int_overflow": ["info.value_type"],
    "25_dup_sample_names": ["sample.duplicate", "sample.duplicate"],
    "27_empty_body": [],
    "30_info_dp_number1_two_values": ["info.cardinality"],
    "31_bom": [],
    "33_info_missing_equals_semicolons": [],
    "35_pos_zero_telomere": [],
    "36_plain_gzip": [],
    "38_bgzf_truncated": ["file.truncated", "line.truncated"],
    "39_bgzf_no_eof": [],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_refused_is_what_is_broken(public_vcf: Path, read: Read, name: str) -> None:
    (path,) = (public_vcf / "odd-inputs").glob(f"{name}.vcf*")
    reading = read({path.name: path}, subjects="per_record")
    assert sorted(code for *_, code in reading.errors()) == EXPECTED[name]
    delivered, accepted, *_ = reading.counts(path.name)["variant"]
    refused_lines = [code for unit, _, code in reading.errors() if unit == "variant"]
    assert accepted == delivered - len(refused_lines)


def test_all_files_are_listed_here(public_vcf: Path) -> None:
    names = {path.name.partition(".vcf")[0] for path in (public_vcf / "odd-inputs").iterdir()}
    assert names == set(EXPECTED)
