"""Which records of a delivery are read: all, or those in the regions that it names."""

from collections.abc import Callable

import numpy as np

from medplatform.modalities.delivery import Delivery, Source
from medplatform.modalities.genomics.lines import Lines
from medplatform.modalities.genomics.sources.regions import Regions, RegionsError


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
        try:
            if self._list is not None:
                self.overlap = self._read(delivery).overlap
            elif regions is not None:
                self.overlap = Regions.parse(regions).overlap
        except RegionsError as error:
            self.problem = str(error)

    def is_list(self, source: Source) -> bool:
        """Whether a file is the list of the regions."""
        return source.path.name == self._list

    def _read(self, delivery: Delivery) -> Regions:
        found = [source for source in delivery.sources if self.is_list(source)]
        if len(found) != 1:
            raise RegionsError(
                "delivery.json names a file of regions that the delivery does not have, or has "
                "several times. Deliver one, or write the regions into delivery.json."
            )
        return Regions.read(found[0].path)
