"""Archives of images from the command line."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medplatform.lake import Lake
from medplatform.modalities.imaging.tables import IMAGING_INSTANCE
from medplatform.privacy import KeyRing
from medplatform_tests.cli.conftest import Terminal


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two labelled pictures of two patients, and a member that leads out of the archive."""
    path = tmp_path / "Jane_Doe.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for value, name in enumerate(("a", "b")):
            buffer = io.BytesIO()
            Image.fromarray(np.full((4, 4), value, np.uint8)).save(buffer, "PNG")
            archive.writestr(f"images/{name}.png", buffer.getvalue())
        archive.writestr("labels.csv", "file,who,label\na.png,p1,benign\nb.png,p2,other\n")
        archive.writestr("../Jane.dcm", b"x")
    return path


def test_an_archive_is_ingested_with_the_labels_in_it(terminal: Terminal, archive: Path) -> None:
    KeyRing.create(terminal.settings.master_key)
    options = ("--labels", "labels.csv", "--label-patient-column", "who")
    done = terminal.run("ingest", "imaging", archive, "-d", "monday", *options)
    assert done.exit_code == 3, done.output
    assert "published" in done.output
    assert "Jane" not in done.output
    causes = terminal.run("quarantine", "-d", "monday")
    assert "file.unsafe_name" in causes.output
    lake = Lake(terminal.settings.lake)
    rows = lake.scan(IMAGING_INSTANCE, ["label", "source_id"]).collect()
    assert sorted(rows["label"]) == ["benign", "other"]
    assert rows["source_id"].n_unique() == 1
    assert archive.exists()
