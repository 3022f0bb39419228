"""Carriers of rare alleles, one by one: who has them, without reading packed genotypes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.genotypes.calls import Calls
from medplatform.modalities.genomics.genotypes.packed import ABSENT, MISSING, Packed, wide_alleles
from medplatform.modalities.genomics.records.sites import Rows
from medplatform.modalities.genomics.samples.cohort import Cohort
from medplatform.modalities.genomics.tables import CARRIER

FEW, SHARE = 10, 100
"""An allele is rare where at most ten, or one in a hundred, of the stored samples carry it."""


class Carriers(NamedTuple):
    """Carriers of rare alleles.

    Attributes
    ----------
    variants, samples
        Index of the variant and of the sample of each carrier.
    allele, copies
        Which allele it carries, and how many copies.
    alleles
        All alleles of the genotype of each: a list of int16, null where one was not called.
    is_phased
        Whether all of them are phased (bool).
    """

    variants: np.ndarray
    samples: np.ndarray
    allele: np.ndarray
    copies: np.ndarray
    alleles: pa.ListArray
    is_phased: np.ndarray

    @classmethod
    def join(cls, parts: Sequence["Carriers"]) -> "Carriers":
        """The carriers of several parts, one after the other."""
        return cls(
            np.concatenate([part.variants for part in parts]),
            np.concatenate([part.samples for part in parts]),
            np.concatenate([part.allele for part in parts]),
            np.concatenate([part.copies for part in parts]),
            pa.concat_arrays([part.alleles for part in parts]),
            np.concatenate([part.is_phased for part in parts]),
        )

    def where(self, is_chosen: np.ndarray) -> "Carriers":
        """Some of them (bool)."""
        return Carriers(
            self.variants[is_chosen],
            self.samples[is_chosen],
            self.allele[is_chosen],
            self.copies[is_chosen],
            self.alleles.filter(pa.array(is_chosen)),
            self.is_phased[is_chosen],
        )


def find_carriers(packed: Packed) -> Carriers:
    """The carriers of rare alleles, by variant, allele and sample."""
    return Carriers.join(
        [_packed_carriers(packed), *(_wide_carriers(row, packed) for row in packed.wide)]
    )


def _packed_carriers(packed: Packed) -> Carriers:
    calls = packed.uncommon
    first, second = calls.alleles
    pairs = [(first, first > 0), (second, (second > 0) & (second != first))]
    which = np.concatenate([np.flatnonzero(carries) for _, carries in pairs])
    allele = np.concatenate([alleles[carries] for alleles, carries in pairs])
    variants = calls.variants[which]
    # One number per variant and allele: packed genotypes have alleles up to 14.
    kinds = variants * 16 + allele
    is_rare = np.bincount(kinds)[kinds] <= _most(packed) if len(kinds) else kinds > 0
    order = np.flatnonzero(is_rare)
    order = order[np.lexsort((calls.samples[which[order]], kinds[order]))]
    which, allele = which[order], allele[order]
    alleles = np.stack([first[which], second[which]], axis=1)
    return Carriers(
        calls.variants[which],
        calls.samples[which],
        allele,
        (alleles == allele[:, None]).sum(axis=1),
        _lists(alleles),
        (calls.codes[which] & 1 == 1) | (alleles[:, 1] == ABSENT),
    )


def _wide_carriers(variant: int, packed: Packed) -> Carriers:
    cell = packed.wide[variant]
    alleles = wide_alleles(cell)
    is_phased = ((cell & 1 == 1) | (alleles == ABSENT)).all(axis=1)
    names = [allele for allele in np.unique(alleles).tolist() if allele > 0]
    carriers = {name: np.flatnonzero((alleles == name).any(axis=1)) for name in names}
    rare = {name: rows for name, rows in carriers.items() if len(rows) <= _most(packed)}
    samples = np.concatenate([np.zeros(0, np.int64), *rare.values()])
    allele = np.repeat(np.array(list(rare), np.int16), [len(rows) for rows in rare.values()])
    found = alleles[samples]
    copies = (found == allele[:, None]).sum(axis=1)
    variants = np.full(len(samples), variant)
    return Carriers(variants, samples, allele, copies, _lists(found), is_phased[samples])


def _lists(alleles: np.ndarray) -> pa.ListArray:
    """The alleles of genotypes (genotypes x ploidy, MISSING and ABSENT among them) as lists."""
    is_there = alleles != ABSENT
    flat = alleles[is_there]
    offsets = np.concatenate([[0], np.cumsum(is_there.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(flat, mask=flat == MISSING))


def _most(packed: Packed) -> int:
    return max(FEW, packed.codes.shape[1] // SHARE)


def carrier_rows(
    calls: Calls, variant_ids: pa.Array, alternate_count: np.ndarray, cohort: Cohort
) -> Rows:
    """Rows of genomics_carrier; `variant_ids` are those of the records that `calls` are of.

    An allele that its record does not name, as 1 where ALT is '.', has no row.
    """
    found = find_carriers(calls.packed)
    is_named = found.allele <= alternate_count[calls.genotyped[found.variants]]
    if not is_named.all():
        found = found.where(is_named)
    sites = calls.genotyped[found.variants]
    records = np.searchsorted(calls.described, sites)
    samples = pa.array(found.samples)
    columns = {
        "variant_id": variant_ids.take(pa.array(sites)),
        "allele_number": pa.array(found.allele),
        "cohort_id": pa.repeat(cohort.cohort_id, len(sites)),
        "sample_index": samples,
        "patient_id": cohort.patient_ids.take(samples),
        "sample_id": cohort.sample_ids.take(samples),
        "copies": pa.array(found.copies),
        "alleles": found.alleles,
        "is_phased": pa.array(found.is_phased),
        "depth": calls.numbers("DP", records, found.samples, pa.int32()),
        "genotype_quality": calls.numbers("GQ", records, found.samples, pa.float64()),
    }
    return Rows(CARRIER, sites, columns)
