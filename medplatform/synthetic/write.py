"""Write a cohort into landing: one delivery per modality, the scoring file and the ceilings."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from medplatform.synthetic.ceilings import Ceilings, compute_ceilings
from medplatform.synthetic.cohort import History, draw_histories
from medplatform.synthetic.ehr import write_bulk_export
from medplatform.synthetic.fhir import Chart
from medplatform.synthetic.landing import new_delivery
from medplatform.synthetic.panel import panel
from medplatform.synthetic.people import Person, identify
from medplatform.synthetic.terminology import Element
from medplatform.synthetic.vcf import (
    SCORE_NAME,
    write_cohort_vcf,
    write_crosswalk,
    write_scoring_file,
)

Progress = Callable[[str, int, int], None]
"""Called with what is being written, how much is done and how much there is."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def write_cohort(
    landing: Path,
    reference: Path,
    *,
    delivery: str,
    patients: int,
    imaging_patients: int,
    seed: int,
    identifier_system: str,
    first_patient: int = 0,
    progress: Progress = silent,
) -> Ceilings:
    """Write one delivery of EHR, genomics and (if any patient is imaged) imaging.

    Equal arguments give equal bytes. Patient n is the same in every cohort of a seed, so a cohort
    can be extended by another delivery with a higher `first_patient`.

    Parameters
    ----------
    landing, reference
        Folders of deliveries and of public reference files.
    delivery
        Name of the deliveries.
    patients, imaging_patients
        How many patients, and how many of the first of them have a CT study.
    seed
        Which cohort.
    identifier_system
        System of the medical record numbers.
    first_patient
        Number of the first patient.
    progress
        Called as the work goes on.

    Raises
    ------
    ValueError
        More patients are imaged than there are, or there are none.
    DeliveryExists
        There is a delivery of that name; nothing was written.
    """
    if not 0 <= imaging_patients <= patients or patients < 1:
        raise ValueError("A cohort has at least one patient, and images of at most all of them.")
    cohort = _Cohort(seed, first_patient)
    with ExitStack() as deliveries:
        ehr = deliveries.enter_context(new_delivery(landing, "ehr", delivery))
        genomics = deliveries.enter_context(new_delivery(landing, "genomics", delivery))
        imaging = None
        if imaging_patients:
            imaging = deliveries.enter_context(new_delivery(landing, "imaging", delivery))
        write_bulk_export(
            ehr,
            cohort.records(patients, identifier_system),
            lambda done: progress("patients", done, patients),
        )
        write_cohort_vcf(
            genomics / "cohort.vcf.gz",
            [person.sample_id for person, _ in cohort.people(patients)],
            seed,
            first_patient,
            lambda done: progress("variants", done, len(panel())),
        )
        write_crosswalk(
            genomics / "crosswalk.csv",
            (person for person, _ in cohort.people(patients)),
            identifier_system,
        )
        if imaging:
            cohort.write_images(imaging, imaging_patients, progress)
        write_scoring_file(reference / "pgs" / f"{SCORE_NAME}.txt")
        ceilings = compute_ceilings()
        ceilings.write(reference / "ceilings.json")
    return ceilings


class _Cohort:
    """The patients of a seed from a first one on."""

    def __init__(self, seed: int, first: int) -> None:
        self.seed = seed
        self.first = first

    def people(self, count: int) -> Iterator[tuple[Person, History]]:
        """The first patients, one at a time."""
        for history in draw_histories(self.seed, self.first, count):
            yield identify(self.seed, history), history

    def records(self, count: int, identifier_system: str) -> Iterator[Iterator[Element]]:
        """The resources of the first patients."""
        for person, history in self.people(count):
            yield Chart(person, history, identifier_system).resources()

    def write_images(self, folder: Path, count: int, progress: Progress) -> None:
        """Write one study for each of the first patients."""
        from medplatform.synthetic.dicom import write_study

        for number, (person, history) in enumerate(self.people(count), 1):
            write_study(folder / f"study-{history.number:06d}", person, history, self.seed)
            progress("studies", number, count)
