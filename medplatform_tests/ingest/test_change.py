"""Files that change while they are read: nothing of such a delivery is published, and it waits."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medplatform.lake import Stage
from medplatform.modalities.delivery import Delivery, DeliveryError
from medplatform.modalities.modality import Progress
from medplatform.privacy import Identity
from medplatform_tests.ingest.site import Site
from medplatform_tests.toy import TOY, deliver_lines, read


def _vanish(path: Path) -> None:
    path.unlink()


def _grow(path: Path) -> None:
    path.write_text("p1,1\np2,2\n")


def _change_in_place(path: Path) -> None:
    path.write_text("p1,9\n")
    os.utime(path, (1, 1))


@pytest.mark.parametrize("change", [_vanish, _grow, _change_in_place])
@pytest.mark.parametrize("is_before", [True, False], ids=["before", "behind"])
def test_a_file_that_changes_while_it_is_read_stops_its_delivery(
    change: Callable[[Path], None], is_before: bool, site: Site
) -> None:
    deliver_lines(site.landing, "d1", {"Jane.txt": "p1,1\n"})
    path = site.landing / "toy" / "d1" / "Jane.txt"

    def read_changing(
        delivery: Delivery, stage: Stage, identity: Identity, progress: Progress, /
    ) -> None:
        if is_before:
            change(path)
        read(delivery, stage, identity, progress)
        if not is_before:
            change(path)

    with pytest.raises(DeliveryError, match="1 of its 1 files changed or vanished") as raised:
        site.ingest("d1", modality=replace(TOY, read=read_changing))
    assert "Jane" not in str(raised.value)
    assert raised.value.__suppress_context__
    assert site.lake.ledger.get("toy", "d1") is None


def test_a_name_that_is_no_text_is_found_again_in_the_vault(site: Site) -> None:
    name = os.fsdecode(b"J\xe4ne.txt")
    deliver_lines(site.landing, "d1", {name: "p1,1\n"})
    entry = site.ingest("d1").entry
    assert entry
    (source,) = entry.sources
    assert site.identity.source_path(source.source_id) == str(site.landing / "toy" / "d1" / name)
