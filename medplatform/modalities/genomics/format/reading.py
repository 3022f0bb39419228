"""Typed FORMAT values of a batch of records, with the rules that they must satisfy."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.deidentify.names import is_named_in
from medplatform.modalities.genomics.deidentify.texts import TextPolicy, scrub
from medplatform.modalities.genomics.format.cardinality import UNKNOWN, Alleles
from medplatform.modalities.genomics.format.columns import LATEST_VERSION
from medplatform.modalities.genomics.format.fields import Field, null_cells, read_field
from medplatform.modalities.genomics.format.rules import (
    LOCAL_ALLELES,
    NAMED_KEY,
    TEXT_DROPPED,
    TOO_MANY,
    TOO_MANY_KEYS,
    UNDECLARED,
    wrong_count,
    wrong_type,
)
from medplatform.modalities.genomics.format.tokens import Tokens, cut
from medplatform.modalities.genomics.genotypes.packed import Packed
from medplatform.modalities.genomics.genotypes.texts import SampleTexts
from medplatform.modalities.genomics.header.definition import Definition
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.header.reserved import reserved_format
from medplatform.modalities.genomics.records.sites import Sites
from medplatform.modalities.genomics.rules import Rule

MOST_KEYS = 256
"""Of one file: each takes memory for every record of a slice."""
_MOST_TEXTS = 1 << 12

Broken = tuple[Rule, np.ndarray]
LOCAL = "LAA"
Keys = tuple[str, ...]
"""The keys of a FORMAT text."""
_NOTHING, _GENOTYPE = (), ("GT",)


@dataclass(frozen=True, slots=True)
class Slice:
    """Some records of a batch: their indices, ascending, and the fields that they have."""

    sites: np.ndarray
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class Formats:
    """FORMAT values of the records of a batch that have sample columns.

    `slices` is empty where no record has anything but GT. `broken` are rules, each with a mask
    (bool, one per record of the batch) of the records that break it.
    """

    slices: tuple[Slice, ...]
    broken: tuple[Broken, ...]

    def columns(
        self, sites: np.ndarray, samples: np.ndarray, names: Mapping[str, str]
    ) -> Iterator[tuple[Definition, pa.ChunkedArray]]:
        """Cells of some records and samples: per key one list over the samples per record.

        Parameters
        ----------
        sites, samples
            Indices in the batch and in the header, ascending; all `sites` have sample columns.
        names
            What stands in texts for the names of samples and patients.
        """
        definitions = {
            key: field.definition for part in self.slices for key, field in part.fields.items()
        }
        places = [np.flatnonzero(np.isin(part.sites, sites)) for part in self.slices]
        for key, definition in sorted(definitions.items()):
            chunks: list[pa.Array] = []
            for part, records in zip(self.slices, places, strict=True):
                if key in part.fields:
                    cells = part.fields[key].to_arrow(records, samples)
                    chunks.append(cells if _is_number(definition) else scrub(cells, names))
                else:
                    chunks.append(null_cells(len(records), len(samples), definition))
            yield definition, pa.chunked_array(chunks)


def _is_number(definition: Definition) -> bool:
    return definition.type in ("Integer", "Float")


class FormatReader:
    """Reads the FORMAT values of one file.

    Parameters
    ----------
    names
        Names of samples and patients -> what stands for them; keys that have one are left out.
    warn
        Is told, once, of what is left out or read as text.
    """

    def __init__(
        self,
        header: Header,
        policy: TextPolicy,
        names: Mapping[str, str],
        warn: Callable[[Rule], None],
    ) -> None:
        self._header = header
        self._policy = policy
        self._names = names
        self._warn = warn
        self._split_texts: dict[bytes, Keys] = {}
        self._known: dict[str, Definition] = {}
        self._read_keys: dict[str, bool] = {}
        self._warned: set[Rule] = set()

    def read(self, sites: Sites, packed: Packed) -> Formats:
        """Read a batch. `packed` has the genotypes of the records `sites.genotyped`."""
        if not self._header.samples:
            return Formats((), ())
        keys = [self._split(text) for text in sites.formats]
        has_unnamed = np.array(
            [_has_unnamed(names, site, sites.samples) for site, names in enumerate(keys)], bool
        )
        broken: list[Broken] = [(TOO_MANY, has_unnamed)] if has_unnamed.any() else []
        slices: list[Slice] = []
        if any(names not in (_NOTHING, _GENOTYPE) for names in keys):
            ploidy = _ploidy(packed, sites.genotyped, len(sites))
            for part in sites.samples.slices():
                tokens = cut([sites.samples[site] for site in part], ploidy.shape[1])
                alternate = sites.alternate_count[part, None]
                alleles = Alleles(alternate, ploidy[part], np.full_like(ploidy[part], UNKNOWN))
                fields, faults = self._read_part(tokens, [keys[site] for site in part], alleles)
                slices.append(Slice(part, fields))
                broken += [(rule, _spread(mask, part, len(sites))) for rule, mask in faults]
        return Formats(tuple(slices), tuple(broken))

    def _read_part(
        self, tokens: Tokens, keys: list[Keys], alleles: Alleles
    ) -> tuple[dict[str, Field], Iterator[Broken]]:
        sizes = np.array([max(1, len(names)) for names in keys])
        has_more = tokens.subfield_counts > sizes[:, None]
        faults: list[Broken] = [(TOO_MANY, _any(has_more))]
        fields = {
            key: read_field(tokens, places, self._definition(key))
            for key, places in _places(keys, self._is_read).items()
        }
        local = fields.get(LOCAL)
        if local is not None and local.definition.type == "Integer":
            faults.append((LOCAL_ALLELES, _has_wrong_local(local, alleles.alternate)))
            known = np.where(local.counts > 0, local.counts, UNKNOWN)
            alleles = Alleles(alleles.alternate, alleles.ploidy, known)
        for field in fields.values():
            definition = field.definition
            faults.append((wrong_type(definition), field.has_wrong_value))
            is_wrong = alleles.is_wrong(field.counts, definition.number)
            reserved = reserved_format(definition.id, LATEST_VERSION)
            if reserved is not None and reserved.number != definition.number and is_wrong.any():
                # Headers say Number=. or R of GL and PL, whose values are one per genotype.
                is_wrong &= alleles.is_wrong(field.counts, reserved.number)
            faults.append((wrong_count(definition), _any(is_wrong)))
        kept = {key: field for key, field in fields.items() if self._keeps(field.definition)}
        return kept, ((rule, mask) for rule, mask in faults if mask.any())

    def _split(self, text: bytes | None) -> Keys:
        if text is None or text == b".":
            return _NOTHING
        if text not in self._split_texts:
            if len(self._split_texts) == _MOST_TEXTS:
                self._split_texts.clear()
            self._split_texts[text] = tuple(text.decode().split(":"))
        return self._split_texts[text]

    def _definition(self, key: str) -> Definition:
        """How the values of a key are typed: by the header, the specification, or as texts."""
        if key not in self._known:
            reserved = reserved_format(key, self._header.version)
            if key in self._header.formats:
                self._known[key] = self._header.formats[key]
            elif reserved is not None:
                self._known[key] = reserved.definition(key)
            else:
                self._known[key] = Definition(key, ".", "String")
                self._warn_once(UNDECLARED)
        return self._known[key]

    def _is_read(self, key: str) -> bool:
        """Whether the values of a key are looked at: of the first `MOST_KEYS` that name nobody."""
        if key not in self._read_keys:
            if len(self._read_keys) == MOST_KEYS:
                self._warn_once(TOO_MANY_KEYS)
                return False
            self._read_keys[key] = not self._names_someone(key)
        return self._read_keys[key]

    def _names_someone(self, key: str) -> bool:
        is_public = reserved_format(key, LATEST_VERSION) or self._policy.lists(key)
        if is_public or not is_named_in(key, self._names):
            return False
        self._warn_once(NAMED_KEY)
        return True

    def _keeps(self, definition: Definition) -> bool:
        if _is_number(definition) or self._policy.keeps(definition.id):
            return True
        # Keys that the header does not define might name someone.
        name = f"/{definition.id}" if definition.id in self._header.formats else ""
        self._warn_once(TEXT_DROPPED._replace(element=f"FORMAT{name}"))
        return False

    def _warn_once(self, rule: Rule) -> None:
        if rule not in self._warned:
            self._warned.add(rule)
            self._warn(rule)


def _has_unnamed(keys: Keys, site: int, samples: SampleTexts) -> bool:
    """Whether a record whose sample columns are not cut has values there that no key names."""
    if keys not in (_NOTHING, _GENOTYPE):
        return False
    is_empty = keys == _GENOTYPE or not samples[site].strip(b"./|\t")
    return not is_empty or samples.has(site, b":")


def _any(cells: np.ndarray) -> np.ndarray:
    """Records with any of some cells, records x samples (bool)."""
    return np.logical_or.reduce(cells, axis=1)


def _ploidy(packed: Packed, genotyped: np.ndarray, sites: int) -> np.ndarray:
    """Alleles of the genotypes of all records, records x samples."""
    ploidy = np.full((sites, packed.codes.shape[1]), UNKNOWN)
    ploidy[genotyped] = packed.ploidy()
    return ploidy


def _places(keys: list[Keys], is_read: Callable[[str], bool]) -> dict[str, np.ndarray]:
    """Of each key that is read, but GT, its place in each record, -1 where it is not."""
    kinds = list(dict.fromkeys(keys))
    kind_of = {kind: number for number, kind in enumerate(kinds)}
    numbers = np.array([kind_of[names] for names in keys])
    every = dict.fromkeys(key for kind in kinds for key in kind if key != "GT")
    return {
        key: np.array([kind.index(key) if key in kind else -1 for kind in kinds])[numbers]
        for key in filter(is_read, every)
    }


def _has_wrong_local(local: Field, alternate: np.ndarray) -> np.ndarray:
    """Records with a local allele that the line does not have, or that stands twice."""
    records, samples = local.counts.shape
    values = local.values.fill_null(0).to_numpy()
    cells = np.repeat(np.arange(records * samples), local.counts.reshape(-1))
    wrong = (values < 1) | (values > alternate.reshape(-1)[cells // samples])
    order = np.lexsort((values, cells))
    wrong[order[1:]] |= (np.diff(cells[order]) == 0) & (np.diff(values[order]) == 0)
    found = np.zeros(records, bool)
    found[cells[wrong] // samples] = True
    return found


def _spread(mask: np.ndarray, part: np.ndarray, sites: int) -> np.ndarray:
    whole = np.zeros(sites, bool)
    whole[part[mask]] = True
    return whole
