"""docs/meds.md names every column, file, reason, option and default."""

import re
from pathlib import Path

from medplatform.cli.export import export_meds as command
from medplatform.meds import SPLIT_SALT, SUBJECTS_PER_SHARD
from medplatform.meds.shards import SCHEMA
from medplatform.meds.subjects import SPLITS
from medplatform_tests.meds.site import Site
from medplatform_tests.meds.test_events import REASONS

TEXT = (Path(__file__).parents[2] / "docs" / "meds.md").read_text()
LISTED = set(re.findall(r"^\| `([^`]+)` \|", TEXT, re.MULTILINE))


def test_every_column_and_reason_is_explained() -> None:
    assert {*SCHEMA.names, *REASONS} <= LISTED


def test_every_file_is_listed(site: Site) -> None:
    site.export()
    assert {name for name in site.content() if not name.startswith("data/")} <= LISTED
    assert all(f"`{split}`" in TEXT for split in SPLITS.values())


def test_options_of_the_command_exist_and_have_the_defaults_of_the_function() -> None:
    named = set(re.findall(r"(?<= )--[a-z-]+", TEXT))
    assert named <= {option for parameter in command.params for option in parameter.opts}
    defaults = {parameter.name: parameter.default for parameter in command.params}
    assert defaults["split_salt"] == SPLIT_SALT
    assert defaults["subjects_per_shard"] == SUBJECTS_PER_SHARD
    assert f"The salt is `{SPLIT_SALT}`" in TEXT
