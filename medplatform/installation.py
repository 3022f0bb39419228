"""One installation: its settings turned into the objects that the front ends hand to the domain."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from medplatform.ingest import pending_deliveries
from medplatform.lake import Lake, Snapshot
from medplatform.modalities import MODALITIES, Modality, genomics, imaging
from medplatform.modalities.ehr import EHR, configure
from medplatform.modalities.ehr.configuration import Configuration
from medplatform.modalities.genomics import GENOMICS
from medplatform.modalities.imaging import IMAGING
from medplatform.privacy import Identity, load_key
from medplatform.registry import Registry
from medplatform.settings import Settings
from medplatform.training.launcher import TrainingJob
from medplatform.training.recipe import Recipe, TrainingConfig
from medplatform.training.store import is_server

if TYPE_CHECKING:
    from medplatform.bulk_export import Credentials, ExportRequest, Network
    from medplatform.pacs.dicomweb import Secret
    from medplatform.pacs.query import Query
    from medplatform.training.device import DeviceName
    from medplatform.warehouse import ViewTables


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
            load_key(self.settings.master_key, self.settings.vault),
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
    def views(self) -> "ViewTables":
        """The ViewDefinitions and the tables that they give."""
        from medplatform.warehouse import ViewTables

        return ViewTables(self.settings.views, self.settings.view_tables)

    def modality(self, name: str) -> Modality:
        """A modality, read as the settings say."""
        settings = self.settings
        if name == IMAGING.name:
            return imaging.configure(
                imaging.Configuration(
                    policy=settings.imaging_policy,
                    workers=settings.imaging_workers,
                    has_thumbnails=settings.imaging_thumbnails,
                )
            )
        if name == GENOMICS.name:
            return genomics.configure(
                genomics.Configuration(
                    genomes=self.genomes,
                    text_keys=tuple(settings.genomics_text_keys),
                    workers=settings.genomics_workers,
                )
            )
        if name != EHR.name:
            return MODALITIES[name]
        return configure(
            Configuration(
                policy=settings.ehr_policy,
                profiles=tuple(settings.ehr_profiles),
                assigned={
                    kind: tuple(canonicals)
                    for kind, canonicals in settings.ehr_assigned_profiles.items()
                },
                profile_policy=settings.ehr_profile_policy,
                workers=settings.ehr_workers,
            )
        )

    @property
    def genomes(self) -> Path:
        """Folder of the reference sequences of genome builds."""
        return self.settings.reference / "genomes"

    @property
    def scoring_files(self) -> list[Path]:
        """PGS Catalog scoring files under reference/pgs: *.txt and *.txt.gz."""
        folder = self.settings.reference / "pgs"
        return sorted([*folder.glob("*.txt"), *folder.glob("*.txt.gz")])

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

    @property
    def export_request(self) -> "ExportRequest | None":
        """What is asked of the configured FHIR server; None where there is none."""
        from medplatform.bulk_export import ExportRequest

        if not self.settings.bulk_server_url:
            return None
        group = self.settings.bulk_group_id
        return ExportRequest.of(
            base_url=self.settings.bulk_server_url,
            level="group" if group else "system",
            group_id=group,
        )

    @property
    def credentials(self) -> "Credentials | None":
        """How the configured FHIR server knows this installation; None where it does not."""
        from medplatform.bulk_export import Credentials

        if not self.settings.bulk_client_id:
            return None
        return Credentials(
            client_id=self.settings.bulk_client_id,
            key_file=self.settings.client_key,
            scope=self.settings.bulk_scope,
        )

    @property
    def network(self) -> "Network":
        """How FHIR servers are reached."""
        from medplatform.bulk_export import Network

        proxy = self.settings.bulk_proxy
        return Network(
            ca_file=self.settings.bulk_ca_file, proxy=proxy.get_secret_value() if proxy else None
        )

    @property
    def dicomweb_query(self) -> "Query":
        """What is asked of the configured DICOMweb server, as of today."""
        from medplatform.pacs.query import Query

        settings = self.settings
        today = datetime.now(ZoneInfo(settings.timezone)).date()
        since = today - timedelta(days=settings.dicomweb_days) if settings.dicomweb_days else None
        return Query.of(modalities=settings.dicomweb_modalities, since=since)

    @property
    def dicomweb_secret(self) -> "Secret | None":
        """What the configured DICOMweb server is shown; None where nothing is configured."""
        from medplatform.pacs.dicomweb import Secret

        settings = self.settings
        is_named = settings.dicomweb_user or settings.dicomweb_secret_file
        if not is_named and not settings.dicomweb_secret.exists():
            return None
        return Secret(settings.dicomweb_secret, settings.dicomweb_user)

    @property
    def dicomweb_network(self) -> "Network":
        """How DICOMweb servers are reached."""
        from medplatform.transfer import Network

        proxy = self.settings.dicomweb_proxy
        return Network(
            ca_file=self.settings.dicomweb_ca_file,
            proxy=proxy.get_secret_value() if proxy else None,
        )

    @property
    def is_synthetic(self) -> bool:
        """Whether this installation holds made-up patients: only their ceilings are known."""
        return self._ceilings.exists()

    @property
    def _ceilings(self) -> Path:
        return self.settings.reference / "ceilings.json"

    def ceiling(self, recipe: Recipe) -> float | None:
        """Best figure that an honest model can reach, known for synthetic data only."""
        if not self.is_synthetic:
            return None
        return json.loads(self._ceilings.read_bytes()).get(recipe.name, {}).get(recipe.metric)

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
