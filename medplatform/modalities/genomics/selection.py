"""Which records of a delivery are read: all, or those in the regions that it names."""

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.sources.lines import Lines
from medplatform.modalities.genomics.sources.regions import BED_ENDINGS, Regions, RegionsError


class Selection:
    """What `regions` of `delivery.json` asks for.

    Attributes
    ----------
    overlap
        Which lines of a batch are asked for (bool); None where all are.
    problem
        Why the regions cannot be used, so that no record can be chosen.
    """

    def __init__(self, delivery: Delivery) -> None:
        regions = delivery.options.regions
        self._list = regions if isinstance(regions, str) else None
        self.overlap: Callable[[Lines], np.ndarray] | None = None
        self.problem: str | None = None
        self._regions: Regions | None = None
        try:
            if self._list is not None:
                self._regions = self._read(delivery)
            elif regions is not None:
                self._regions = Regions.parse(regions)
        except RegionsError as error:
            self.problem = str(error)
        if self._regions is not None:
            self.overlap = self._regions.overlap

    def is_list(self, source: Source) -> bool:
        """Whether a file is the list of the regions."""
        return source.path.name == self._list

    @property
    def matched(self) -> frozenset[tuple[str, int]]:
        """The regions that records overlapped so far."""
        return frozenset(self._regions.matched) if self._regions else frozenset()

    def mark_matched(self, regions: Iterable[tuple[str, int]]) -> None:
        """Note regions (of `matched`) that another process has met."""
        if self._regions:
            self._regions.matched.update(regions)

    def find_unmatched(self) -> list[int]:
        """The numbers (from 1) of the regions that no record overlapped so far."""
        return self._regions.find_unmatched() if self._regions else []

    def _read(self, delivery: Delivery) -> Regions:
        found = [source for source in delivery.sources if self.is_list(source)]
        if len(found) != 1:
            raise RegionsError(
                "delivery.json names a file of regions that the delivery does not have, or has "
                "several times. Deliver one, or write the regions into delivery.json."
            )
        return Regions.read(found[0].path)


def declare_regions(texts: Sequence[str], files: Collection[str]) -> tuple[str, ...] | str:
    """What `delivery.json` has as `regions` for what a command line gives.

    Parameters
    ----------
    texts
        Regions, or the name of one BED file of the delivery.
    files
        Names of the files of the delivery.

    Raises
    ------
    RegionsError
        A BED file is named that the delivery does not have, or beside others.
    """
    lists = [text for text in texts if text in files or text.lower().endswith(BED_ENDINGS)]
    if not lists:
        return tuple(texts)
    if len(texts) > 1:
        raise RegionsError(
            "A file of regions is named alone: write all regions into one BED file of the "
            "delivery, or give each as chr:start-end."
        )
    if lists[0] not in files:
        raise RegionsError(
            "The delivery has no file of the name that stands for its regions. Put the BED file "
            "into the folder with the VCF, deliver the folder, and give its name without folders."
        )
    return lists[0]
