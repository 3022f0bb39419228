"""Which delivery of an image counts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from medplatform.lake import Lake
from medplatform.modalities.imaging.current import current_images
from medplatform.modalities.imaging.tables import IMAGING_INSTANCE


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Image x of two deliveries, about another patient in the second; y of the first alone."""
    lake = Lake(tmp_path)
    deliveries = {
        "a": [("x", "ann", "s2", 1), ("y", "ann", "s1", 2), ("y", "ann", "s1", 1)],
        "b": [("x", "bea", "s9", 1)],
    }
    for delivery, images in deliveries.items():
        names = ("instance_id", "patient_id", "source_id", "record_number")
        rows = [{**dict(zip(names, image, strict=True)), "frames": 1} for image in images]
        with lake.stage("imaging", delivery, "g") as stage:
            stage.write(IMAGING_INSTANCE, rows)
            lake.publish(
                stage,
                modality="imaging",
                delivery=delivery,
                status="published",
                content_digest=delivery,
                sources=[],
                started_at=datetime.now(UTC),
            )
    return lake


def found(lake: Lake, **options: list[str]) -> list[tuple[str, str, int]]:
    rows = current_images(lake, ["frames"], **options).sort("instance_id").collect()
    return rows.select("instance_id", "delivery", "record_number").rows()


def test_the_newest_delivery_counts_and_of_one_the_first_record(lake: Lake) -> None:
    assert found(lake) == [("x", "b", 1), ("y", "a", 1)]


def test_an_image_of_a_deleted_patient_does_not_fall_back_on_an_older_one(lake: Lake) -> None:
    assert found(lake, deleted_patients=["bea"]) == [("y", "a", 1)]
    assert found(lake, deleted_patients=["ann"]) == [("x", "b", 1)]


def test_images_can_be_named(lake: Lake) -> None:
    assert found(lake, instance_ids=["y", "z"]) == [("y", "a", 1)]
    assert found(lake, instance_ids=[]) == []
