"""Where things are: every path, address and secret, one documented field each.

This is the only module that reads the environment (and `.env`). What is acceptable (tables,
gates, policies) is declared in code and reviewed; what one run does is its run configuration.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableSetting


class SettingsError(ValueError):
    """The environment asks for something that cannot work; the message names the remedy."""


class Settings(BaseSettings):
    """Settings of one installation, read from `MEDPLATFORM_*` variables and `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="MEDPLATFORM_", env_file=".env", extra="ignore", frozen=True
    )

    data: Annotated[
        Path, Field(description="Root folder of landing, vault, lake, marts, models and services.")
    ] = Path("data")
    views: Annotated[
        Path,
        Field(description="Folder of ViewDefinitions (SQL on FHIR), each of which is an asset."),
    ] = Path(__file__).parents[1] / "views"
    key_file: Annotated[
        Path | None,
        Field(description="Master key of the pseudonyms (0600). Default: vault/master.key."),
    ] = None
    patient_identifier_system: Annotated[
        str | None,
        Field(
            description="The `system` of the identifier that names a patient in every modality. "
            "Unset: the one identifier of type MR (medical record number) of each FHIR Patient."
        ),
    ] = None
    issuer_systems: Annotated[
        dict[str, str],
        Field(
            description="DICOM Issuer of Patient ID (0010,0021) -> identifier system, as JSON. "
            "An issuer that is not listed is quarantined."
        ),
    ] = Field(default_factory=dict)
    device: Annotated[
        Literal["auto", "cuda", "cpu"],
        Field(description="Where models train. `cuda` fails clearly where there is no GPU."),
    ] = "auto"
    quiet_period_s: Annotated[
        float,
        Field(ge=0, description="A delivery without `_DONE` is closed after this many quiet secs."),
    ] = 300.0
    timezone: Annotated[str, Field(description="IANA time zone of the schedules.")] = "UTC"
    nightly_cron: Annotated[str, Field(description="When the nightly retraining starts.")] = (
        "0 2 * * *"
    )
    schedule_on: Annotated[
        bool, Field(description="Start the schedules and the delivery sensor by themselves.")
    ] = False
    operator: Annotated[
        str,
        Field(
            description="Who trains here, as recorded on runs and in the audit log; cannot approve "
            "what was trained. Unset, a command records the user of the operating system."
        ),
    ] = "platform"
    mlflow_tracking_uri: Annotated[
        SecretStr | None,
        Field(description="MLflow server or database. Default: SQLite under data/."),
    ] = None
    mlflow_ui_url: Annotated[
        str, Field(description="Address of the MLflow UI, used in links from Dagster.")
    ] = "http://127.0.0.1:5000"
    dagster_ui_url: Annotated[
        str, Field(description="Address of the Dagster UI, used in links from MLflow.")
    ] = "http://127.0.0.1:3000"
    code_server: Annotated[
        str,
        Field(
            pattern=r"^[^:/\s]+:\d{1,5}$",
            description="HOST:PORT of the Dagster code server, which also executes the runs.",
        ),
    ] = "127.0.0.1:4000"
    database_url: Annotated[
        SecretStr | None,
        Field(description="PostgreSQL of Dagster's storage (`postgresql+psycopg2://…`)."),
    ] = None
    ehr_policy: Annotated[
        Path | None,
        Field(
            description="De-identification policy of health records (YAML). Default: Safe Harbor, "
            "with shifted dates (docs/deidentification.md)."
        ),
    ] = None
    ehr_profiles: Annotated[
        list[Path],
        Field(
            description="StructureDefinitions, folders of them, or FHIR packages (.tgz) that "
            "resources are checked against, as a JSON list."
        ),
    ] = Field(default_factory=list)
    ehr_assigned_profiles: Annotated[
        dict[str, list[str]],
        Field(
            description="Resource type -> canonicals of profiles that apply whether a resource "
            "claims them or not, as JSON."
        ),
    ] = Field(default_factory=dict)
    ehr_profile_policy: Annotated[
        Literal["off", "warn", "reject"],
        Field(description="What becomes of a resource that does not follow its profile."),
    ] = "warn"
    ehr_workers: Annotated[
        int, Field(ge=1, le=64, description="Processes that read one delivery of health records.")
    ] = 1
    imaging_policy: Annotated[
        Path | None,
        Field(
            description="De-identification policy of images (YAML). Default: PS3.15 Annex E, with "
            "shifted dates (docs/dicom-deidentification.md)."
        ),
    ] = None
    imaging_workers: Annotated[
        int, Field(ge=1, le=64, description="Processes that read one delivery of images.")
    ] = 1
    imaging_thumbnails: Annotated[
        bool,
        Field(
            description="Show thumbnails of 64 pixels of each delivery in the Dagster UI, "
            "which keeps them in its event log."
        ),
    ] = True
    genomics_workers: Annotated[
        int, Field(ge=1, le=64, description="Processes that read the VCF files of one delivery.")
    ] = 1
    genomics_text_keys: Annotated[
        list[str],
        Field(
            description="INFO and FORMAT keys whose texts name nobody and are kept, a JSON list "
            "(docs/genomics.md)."
        ),
    ] = []
    bulk_server_url: Annotated[
        str | None,
        Field(
            description="Base address of a FHIR server whose Bulk Data exports are fetched: adds "
            "the asset landing/fhir_export, its job and its schedule."
        ),
    ] = None
    bulk_source: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            description="What the lake calls that server, so that its Patient/1 is not that of "
            "another. Default: made of its host and path.",
        ),
    ] = None
    bulk_group_id: Annotated[
        str | None,
        Field(description="Id of the Group whose members are exported. Unset: the whole system."),
    ] = None
    bulk_client_id: Annotated[
        str | None,
        Field(description="What that server calls this client. Unset: no access token is sent."),
    ] = None
    bulk_key_file: Annotated[
        Path | None,
        Field(
            description="Private key of the client, JWK or JWKS (0600). "
            "Default: vault/fhir-client.jwk."
        ),
    ] = None
    bulk_scope: Annotated[str, Field(description="Access that the client asks for.")] = (
        "system/*.read"
    )
    bulk_allowed_hosts: Annotated[
        tuple[str, ...],
        Field(
            description="Hosts beside that of the server which it may name, such as its file "
            "store, as a JSON list."
        ),
    ] = ()
    bulk_ca_file: Annotated[
        Path | None,
        Field(description="Certificates (PEM) of the authorities to trust for that server."),
    ] = None
    bulk_proxy: Annotated[
        SecretStr | None,
        Field(description="Address of the HTTP proxy to that server. It may hold a password."),
    ] = None
    bulk_cron: Annotated[str, Field(description="When the schedule fetches an export.")] = (
        "0 0 * * *"
    )

    dicomweb_url: Annotated[
        str | None,
        Field(
            description="Base address of a DICOMweb server whose images are fetched: adds the "
            "asset landing/dicomweb_images, its job and its schedule."
        ),
    ] = None
    dicomweb_user: Annotated[
        str | None,
        Field(description="User whose password the secret is. Unset: it is a bearer token."),
    ] = None
    dicomweb_secret_file: Annotated[
        Path | None,
        Field(
            description="File (0600) with the password, or a bearer token. "
            "Default: vault/dicomweb.secret, where there is one."
        ),
    ] = None
    dicomweb_modalities: Annotated[
        tuple[str, ...],
        Field(description="Modalities that are fetched, as a JSON list. Default: all."),
    ] = ()
    dicomweb_days: Annotated[
        int | None,
        Field(ge=1, description="Studies of the last so many days are looked through. Unset: all."),
    ] = None
    dicomweb_allowed_hosts: Annotated[
        tuple[str, ...],
        Field(description="Hosts that the server may redirect to, as a JSON list."),
    ] = ()
    dicomweb_ca_file: Annotated[
        Path | None,
        Field(description="Certificates (PEM) of the authorities to trust for DICOMweb servers."),
    ] = None
    dicomweb_proxy: Annotated[
        SecretStr | None,
        Field(description="Address of the HTTP proxy to them. It may hold a password."),
    ] = None
    dicomweb_cron: Annotated[str, Field(description="When the schedule fetches images.")] = (
        "0 1 * * *"
    )

    @field_validator(
        "data",
        "views",
        "key_file",
        "ehr_policy",
        "imaging_policy",
        "bulk_key_file",
        "bulk_ca_file",
        "dicomweb_secret_file",
        "dicomweb_ca_file",
        mode="after",
    )
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("ehr_profiles", mode="after")
    @classmethod
    def _absolute_profiles(cls, value: list[Path]) -> list[Path]:
        return [path.expanduser().absolute() for path in value]

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except Exception as error:
            raise ValueError(f"{value!r} is no IANA time zone, e.g. Europe/Berlin") from error
        return value

    @model_validator(mode="after")
    def _psycopg2_only(self) -> "Settings":
        urls = {
            "database_url": self.database_url,
            "mlflow_tracking_uri": self.mlflow_tracking_uri,
        }
        for name, url in urls.items():
            scheme = url.get_secret_value().partition("://")[0] if url else ""
            if scheme.startswith("postgres") and scheme != "postgresql+psycopg2":
                raise ValueError(
                    f"MEDPLATFORM_{name.upper()} must begin with postgresql+psycopg2:// "
                    f"(it begins with {scheme}://, which SQLAlchemy 2.1 reads as psycopg 3)"
                )
        return self

    @property
    def landing(self) -> Path:
        """Deliveries as they came, never changed."""
        return self.data / "landing"

    @property
    def vault(self) -> Path:
        """Keys, identity map and audit log: all that may identify a patient, beside landing."""
        return self.data / "vault"

    @property
    def lake(self) -> Path:
        """De-identified tables, ledger and quarantine."""
        return self.data / "lake"

    @property
    def marts(self) -> Path:
        """What dbt builds."""
        return self.data / "marts"

    @property
    def view_tables(self) -> Path:
        """Tables that the ViewDefinitions give."""
        return self.data / "views"

    @property
    def datasets(self) -> Path:
        """Frozen data sets, named by their digest."""
        return self.data / "datasets"

    @property
    def models(self) -> Path:
        """Runs, checkpoints, verdicts and the promotion log."""
        return self.data / "models"

    @property
    def reference(self) -> Path:
        """Public reference files: polygenic scoring files, known ceilings of synthetic data."""
        return self.data / "reference"

    @property
    def dagster_home(self) -> Path:
        """Dagster's instance folder."""
        return self.data / "dagster"

    @property
    def master_key(self) -> Path:
        """The file that holds the master key."""
        return self.key_file or self.vault / "master.key"

    @property
    def client_key(self) -> Path:
        """The file that holds the private key of the Bulk Data client."""
        return self.bulk_key_file or self.vault / "fhir-client.jwk"

    @property
    def dicomweb_secret(self) -> Path:
        """The file that holds the password or token of the DICOMweb server."""
        return self.dicomweb_secret_file or self.vault / "dicomweb.secret"

    @property
    def tracking_uri(self) -> str:
        """MLflow's tracking and registry store. It may hold a password."""
        if self.mlflow_tracking_uri and (uri := self.mlflow_tracking_uri.get_secret_value()):
            return uri
        return f"sqlite:///{self.data / 'mlflow' / 'mlflow.db'}"

    @property
    def artifact_root(self) -> Path:
        """Where MLflow keeps artifacts when no server proxies them."""
        return self.data / "mlflow" / "artifacts"


@cache
def get_settings() -> Settings:
    """Read the settings once per process.

    Raises
    ------
    SettingsError
        A variable holds something that cannot work.
    """
    try:
        return Settings()
    except UnreadableSetting as error:
        raise SettingsError(
            f"Settings are not usable: {error}. Lists and mappings are written as JSON, such as "
            f'["a", "b"] or {{"a": "b"}}.'
        ) from None
    except ValidationError as error:
        reasons = "; ".join(
            f"{'MEDPLATFORM_' + str(e['loc'][0]).upper() + ': ' if e['loc'] else ''}{e['msg']}"
            for e in error.errors(include_input=False, include_url=False)
        )
        raise SettingsError(f"Settings are not usable: {reasons}") from None
