"""Reads a genomics delivery: VCF files and their crosswalk, and sets of sequences."""

from collections import Counter

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery
from medplatform.modalities.genomics.configuration import Configuration
from medplatform.modalities.genomics.samples.crosswalk import CROSSWALK
from medplatform.modalities.genomics.samples.linkage import Linkage
from medplatform.modalities.genomics.selection import Selection
from medplatform.modalities.genomics.sequences.reader import Sequences
from medplatform.modalities.genomics.workers import Context, Task, read_files
from medplatform.modalities.modality import Progress
from medplatform.modalities.report import FileReport
from medplatform.privacy import Identity


def read(
    delivery: Delivery,
    stage: Stage,
    identity: Identity,
    progress: Progress,
    /,
    configuration: Configuration,
) -> None:
    """Read a whole delivery into a stage; see `medplatform.modalities.modality.Reader`."""
    linkage = Linkage(delivery, stage, identity)
    selection = Selection(delivery)
    sequences = Sequences(delivery, stage, identity)
    copies: Counter[str] = Counter()
    tasks: list[Task] = []
    for source in delivery.sources:
        if selection.is_list(source):
            report = FileReport(stage, source)
            report.count("file", delivered=1)
            report.keep("file", "list of regions")
        elif source.path.name != CROSSWALK and not sequences.read(source):
            copies[source.source_id] += 1
            tasks.append(Task(source, copies[source.source_id]))
    total = len(delivery.sources)
    context = Context(delivery, identity, linkage, configuration, selection)
    for done, source in enumerate(read_files(context, stage, tasks), total - len(tasks) + 1):
        progress(source.label, done, total)
    linkage.warn_of_unused(stage)
    if tasks:
        _warn_of_unmatched(FileReport(stage, tasks[0].source), selection)
    sequences.warn_of_unused()


def _warn_of_unmatched(report: FileReport, selection: Selection) -> None:
    """Note the regions that no record of the delivery overlaps."""
    for number in selection.find_unmatched():
        report.warn(
            "region.unmatched",
            "No record of the delivery overlaps the region of this number. Check how its "
            "chromosome is spelled, and its positions.",
            element=f"regions/{number}",
        )
