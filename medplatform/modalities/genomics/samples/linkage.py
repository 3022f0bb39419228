"""From sample names to patients: through the crosswalk of the delivery, or each its own person."""

from collections.abc import Iterable

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.samples.crosswalk import (
    CROSSWALK,
    Crosswalk,
    CrosswalkError,
    Link,
    read_crosswalk,
)
from medplatform.modalities.options import PER_RECORD_SYSTEM
from medplatform.modalities.report import FileReport
from medplatform.privacy import Identity, Subject, UnresolvedSubject

_MISSING = (
    "crosswalk.missing",
    "The delivery does not say which patient the sample is from. Add a crosswalk.csv with the "
    "columns sample_id,patient_id; or, where each sample is a person of its own, declare "
    '{"subjects": "per_record"} in delivery.json.',
)
_UNUSABLE = (
    "crosswalk.unusable",
    "The crosswalk of the delivery was refused, so the sample has no patient. Correct it.",
)

_UNLINKED = (
    "The crosswalk does not link the sample to exactly one patient. Add or correct its row; "
    "sample_id must be written as in the header of the VCF file."
)
_PREFIXED = (
    " The crosswalk has the name without what stands before '_': PLINK writes family and sample id "
    "(FID_IID). Export with --recode vcf-iid (PLINK 2: --export vcf id-paste=iid)."
)


class Linkage:
    """Finds the subject of each sample of a delivery.

    Attributes
    ----------
    used
        Names of samples that were asked for.
    """

    def __init__(self, delivery: Delivery, stage: Stage, identity: Identity) -> None:
        self._identity = identity
        self._is_per_record = delivery.options.subjects == "per_record"
        self.used: set[str] = set()
        self._crosswalk: Crosswalk | None = None
        self._source: Source | None = None
        self._problem = _MISSING
        for source in delivery.sources:
            if source.path.name == CROSSWALK:
                self._open(source, stage)

    def subject(self, sample: str) -> Subject:
        """The patient of a sample.

        Raises
        ------
        UnresolvedSubject
            There is no usable crosswalk, or it does not link the sample to one patient.
        """
        if self._is_per_record:
            return self._identity.subject(PER_RECORD_SYSTEM, sample)
        if self._crosswalk is None:
            raise UnresolvedSubject(*self._problem)
        self.used.add(sample)
        link = self._crosswalk.links.get(sample)
        if link is None:
            hint = _PREFIXED if self._is_prefixed(sample) else ""
            raise UnresolvedSubject("subject.unresolved", f"{_UNLINKED}{hint}")
        return self._identity.subject(link.system, link.patient_id)

    def declared(self, sample: str) -> Link | None:
        """What the crosswalk says of a sample: sex and genome build beside the patient."""
        return self._crosswalk.links.get(sample) if self._crosswalk else None

    def builds(self, samples: Iterable[str | None]) -> set[str]:
        """Genome builds that the crosswalk declares for the samples of a file."""
        names = [sample for sample in samples if sample]
        self.used.update(names)  # here too: of a file that is refused no patients are asked for
        links = map(self.declared, names)
        return {link.build for link in links if link and link.build}

    def pseudonyms(self, samples: Iterable[str | None]) -> dict[str, str]:
        """Names that must not enter the lake, each with what stands for it there.

        These are `samples`, and the samples and patients of the crosswalk.
        """
        links = self._crosswalk.links if self._crosswalk else {}
        names = list(dict.fromkeys(name for name in (*samples, *links) if name))
        tokens = self._identity.tokens("sample", [name.encode() for name in names])
        found = dict(zip(names, tokens.astype(str).tolist(), strict=True)) if names else {}
        patients = {
            link.patient_id: self._identity.subject(link.system, link.patient_id).patient_id
            for link in links.values()
        }
        return patients | found

    def _is_prefixed(self, sample: str) -> bool:
        """Whether the crosswalk has the name without a family id of PLINK before it."""
        parts = sample.split("_")
        links = self._crosswalk.links if self._crosswalk else {}
        return any("_".join(parts[start:]) in links for start in range(1, len(parts)))

    def mark_used(self, samples: Iterable[str]) -> None:
        """Note samples that another process has asked for."""
        self.used.update(samples)

    def warn_of_unused(self, stage: Stage) -> None:
        """Note the rows of the crosswalk whose sample no file has."""
        if self._crosswalk is None or self._source is None:
            return
        report = FileReport(stage, self._source)
        for sample, link in self._crosswalk.links.items():
            if sample not in self.used:
                report.warn(
                    "crosswalk.unknown_sample",
                    "No file of the delivery has the sample of this row. Check the spelling.",
                    link.line,
                    "sample_id",
                )

    def _open(self, source: Source, stage: Stage) -> None:
        report = FileReport(stage, source)
        try:
            self._refuse_second(source)
            crosswalk = read_crosswalk(source.path)
        except CrosswalkError as error:
            report.refuse_file(error.code, error.reason)
            self._problem, self._crosswalk = _UNUSABLE, None
            return
        report.count("file", delivered=1, accepted=1)
        for remark in crosswalk.remarks:
            report.warn(remark.code, remark.reason, remark.line, remark.element)
        self._crosswalk = crosswalk

    def _refuse_second(self, source: Source) -> None:
        if self._is_per_record:
            raise CrosswalkError(
                "crosswalk.contradiction",
                "delivery.json declares each sample a person of its own, so the crosswalk was not "
                "read. Remove the declaration or the crosswalk.",
            )
        if self._source is not None:
            raise CrosswalkError(
                "crosswalk.several",
                "The delivery has several crosswalks. Put all rows into one.",
            )
        self._source = source
