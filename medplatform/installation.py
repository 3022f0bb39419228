"""One installation: its settings turned into the objects that the front ends hand to the domain."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from medplatform.ingest import pending_deliveries
from medplatform.lake import Lake, Snapshot
from medplatform.modalities import MODALITIES
from medplatform.privacy import Identity, KeyRing
from medplatform.registry import Registry
from medplatform.settings import Settings
from medplatform.training.launcher import TrainingJob
from medplatform.training.recipe import Recipe, TrainingConfig
from medplatform.training.store import is_server

if TYPE_CHECKING:
    from medplatform.training.device import DeviceName


class Installation:
    """The lake, the identity service, the registry and the folders of one set of settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def lake(self) -> Lake:
        """The lake under the data folder."""
        return Lake(self.settings.lake)

    @cached_property
    def identity(self) -> Identity:
        """The identity service; raises `KeyMissing` where there is no master key."""
        return Identity(
            KeyRing.load(self.settings.master_key),
            self.settings.vault,
            default_system=self.settings.patient_identifier_system,
            issuer_systems=self.settings.issuer_systems,
        )

    @cached_property
    def registry(self) -> Registry:
        """The model registry and its log."""
        return Registry(tracking_uri=self.settings.tracking_uri, models=self.settings.models)

    @property
    def artifact_root(self) -> Path | None:
        """Where artifacts of runs go; None where an MLflow server keeps them."""
        return None if is_server(self.settings.tracking_uri) else self.settings.artifact_root

    @property
    def scoring_files(self) -> list[Path]:
        """PGS Catalog scoring files under reference/pgs."""
        return sorted((self.settings.reference / "pgs").glob("*.txt*"))

    def pending_deliveries(self) -> list[str]:
        """Closed deliveries that wait in landing, as modality/name."""
        settings = self.settings
        return [
            f"{modality}/{name}"
            for modality in MODALITIES
            for name in pending_deliveries(
                modality,
                landing=settings.landing,
                lake=self.lake,
                quiet_period_s=settings.quiet_period_s,
            )
        ]

    def ceiling(self, recipe: Recipe) -> float | None:
        """Best figure that an honest model can reach, known for synthetic data only."""
        path = self.settings.reference / "ceilings.json"
        if not path.exists():
            return None
        return json.loads(path.read_bytes()).get(recipe.name, {}).get(recipe.metric)

    def job(
        self,
        recipe: Recipe,
        snapshot: Snapshot,
        config: TrainingConfig,
        tags: Mapping[str, str] | None = None,
    ) -> TrainingJob:
        """The training job of a recipe on a frozen data set."""
        device: DeviceName = self.settings.device
        return TrainingJob(
            recipe=recipe.name,
            dataset=snapshot.folder,
            models=self.settings.models,
            result=self.settings.models / recipe.name / "results" / f"{config.digest[:16]}.json",
            config=config,
            tracking_uri=self.settings.tracking_uri,
            artifact_root=self.artifact_root,
            device=device,
            operator=self.settings.operator,
            tags=dict(tags or {}),
        )
