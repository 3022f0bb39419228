"""One small installation with its own Dagster instance, run through like a real one."""

import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from medplatform.definitions import build_defs
from medplatform.installation import Installation
from medplatform.settings import Settings

IDENTIFIER_SYSTEM = "urn:example:mrn"


class Site:
    """Settings, definitions and a Dagster instance under one folder."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(
            data=root / "data", patient_identifier_system=IDENTIFIER_SYSTEM, device="cpu"
        )
        self.installation = Installation(self.settings)
        # A fixed key deals the same patients into the same splits in every run of the tests.
        self.settings.vault.mkdir(parents=True)
        self.settings.master_key.write_text("11" * 32)
        self.settings.master_key.chmod(0o600)
        self.settings.dagster_home.mkdir(parents=True)
        self.instance = dg.DagsterInstance.local_temp(str(self.settings.dagster_home))

    @functools.cached_property
    def defs(self) -> dg.Definitions:
        return build_defs(self.settings)

    def run(
        self,
        job: str,
        config: Mapping[str, Any] | None = None,
        assets: Sequence[str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """Run a job, or some of its assets, to its end here; a failing step does not raise."""
        return self.defs.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            run_config=config,
            raise_on_error=False,
            asset_selection=[dg.AssetKey(key.split("/")) for key in assets] if assets else None,
        )


def failed_checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckSeverity]:
    """Name and severity of every check that did not pass."""
    return {
        f"{evaluation.asset_key.to_user_string()}: {evaluation.check_name}": evaluation.severity
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    }


def materialized(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, Any]]:
    """Plain metadata values of every asset that was materialized."""
    return {
        event.asset_key.to_user_string(): {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }
