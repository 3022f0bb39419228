"""The samples of one file: which of them have a patient, and how well they were called."""

from collections import Counter

import numpy as np
import pyarrow as pa

from medplatform.modalities.genomics.genotypes.packed import Packed
from medplatform.modalities.genomics.header.header import Header
from medplatform.modalities.genomics.samples.linkage import Linkage
from medplatform.modalities.genomics.tables import SAMPLE
from medplatform.modalities.report import FileReport
from medplatform.privacy import Identity, Subject, UnresolvedSubject


class Cohort:
    """Links the samples of a header when made; counts their genotypes; writes them when closed.

    Attributes
    ----------
    columns : int64
        Indices of the sample columns that are stored: those linked to a patient.
    cohort_id : str
        The file, as in all tables.
    patient_ids, sample_ids : pa.Array
        Strings, one per stored sample.
    """

    def __init__(
        self, header: Header, report: FileReport, identity: Identity, linkage: Linkage
    ) -> None:
        self._header = header
        self._report = report
        self._identity = identity
        self._linkage = linkage
        self._names = Counter(header.samples)
        report.count("sample", delivered=len(header.samples))
        self._linked = [
            (column, name, subject)
            for column, name in enumerate(header.samples)
            if (subject := self._link(column, name)) is not None and name is not None
        ]
        self.columns = np.asarray([column for column, _, _ in self._linked], np.int64)
        self.cohort_id = report.source.source_id
        self.patient_ids = pa.array([s.patient_id for _, _, s in self._linked], pa.string())
        names = [name.encode() for _, name, _ in self._linked]
        self.sample_ids = pa.array(identity.tokens("sample", names).astype(str), pa.string())
        self._genotypes = 0
        self._counts = np.zeros((3, len(self._linked)), np.int64)

    def add(self, genotypes: Packed) -> None:
        """Count accepted genotypes of the stored samples."""
        self._genotypes += len(genotypes.codes)
        self._counts += genotypes.sample_counts()

    def close(self) -> None:
        """Write the rows of the samples."""
        called, heterozygous, homozygous = self._counts
        build = self._header.build
        self._report.stage.write(
            SAMPLE,
            [
                {
                    "sample_id": self._identity.token("sample", name),
                    "patient_id": subject.patient_id,
                    "cohort_id": self._report.source.source_id,
                    "sample_index": index,
                    "genome_build": build.name,
                    "build_evidence": ", ".join(build.evidence) or None,
                    **self._declared(name),
                    "call_rate": _ratio(called[index], self._genotypes),
                    "het_hom_ratio": _ratio(heterozygous[index], homozygous[index]),
                    "source_id": self._report.source.source_id,
                    "record_number": column + 1,
                }
                for index, (column, name, subject) in enumerate(self._linked)
            ],
        )
        self._report.count("sample", accepted=len(self._linked))

    def _declared(self, name: str) -> dict[str, str | None]:
        link = self._linkage.declared(name)
        return {
            "declared_build": link.build if link else None,
            "declared_sex": link.sex if link else None,
        }

    def _link(self, column: int, name: str | None) -> Subject | None:
        try:
            return self._subject(name)
        except UnresolvedSubject as error:
            self._report.refuse("sample", column + 1, error.code, error.reason, element="#CHROM")
            return None

    def _subject(self, name: str | None) -> Subject:
        if name is None:
            raise UnresolvedSubject(
                "sample.encoding", "The name of the sample is not UTF-8. Convert the file."
            )
        if not name:
            raise UnresolvedSubject(
                "sample.unnamed", "A sample column has no name. Correct the line #CHROM."
            )
        if self._names[name] > 1:
            raise UnresolvedSubject(
                "sample.duplicate",
                "Several columns have this sample name, so none can be linked. Rename them: "
                "bcftools reheader --samples",
            )
        return self._linkage.subject(name)


def _ratio(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
