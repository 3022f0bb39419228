"""The sensor starts one run for each new delivery, never again for one that only waits."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from medplatform.defs.schedules import delivery_sensor
from medplatform.installation import Installation
from medplatform.settings import Settings


def tick(root: Path, waiting: Sequence[str], cursor: str | None) -> tuple[bool, str | None]:
    """Let some deliveries wait; whether a run is asked for, and the new cursor."""
    settings = Settings(data=root)
    for modality in ("ehr", "imaging"):
        folder = settings.landing / modality
        for path in folder.glob("*"):
            (path / "_DONE").unlink()
            path.rmdir()
    for name in waiting:
        folder = settings.landing / name
        folder.mkdir(parents=True)
        (folder / "_DONE").touch()
    context = dg.build_sensor_context(cursor=cursor)
    result = delivery_sensor(settings)(context, installation=Installation(settings))
    assert isinstance(result, dg.SensorResult)
    assert (result.skip_reason is None) == bool(result.run_requests)
    return bool(result.run_requests), result.cursor


def test_a_delivery_is_asked_for_once(tmp_path: Path) -> None:
    steps = [
        ([], False),
        (["ehr/d1"], True),
        (["ehr/d1"], False),
        (["ehr/d1", "imaging/d1"], True),
        (["imaging/d1"], False),
        (["ehr/d1", "imaging/d1"], True),
    ]
    cursor = None
    for waiting, expected in steps:
        requested, cursor = tick(tmp_path, waiting, cursor)
        assert requested == expected, waiting
        assert cursor == " ".join(waiting)


def test_the_cursor_holds_no_unusable_name(tmp_path: Path) -> None:
    requested, cursor = tick(tmp_path, ["ehr/Jane Doe 1950"], None)
    assert requested
    assert cursor is not None
    assert cursor.startswith("ehr/unusable-")
    assert "Jane" not in cursor
