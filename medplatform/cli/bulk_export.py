"""The options of `medplatform ingest ehr --from-server`, and the export that they ask for."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from medplatform.cli.terminal import print_table

if TYPE_CHECKING:
    from medplatform.bulk_export import Credentials, ExportRequest, FetchedExport
    from medplatform.installation import Installation
    from medplatform.modalities.modality import Progress

CONFIGURED = ""
"""Stands for the server of the settings."""
LAST = "last"

_OPTIONS = (
    click.option(
        "--from-server",
        "server",
        is_flag=False,
        flag_value=CONFIGURED,
        metavar="[URL]",
        help="Fetch a Bulk Data export of a FHIR server and read that; without URL, of "
        "MEDPLATFORM_BULK_SERVER_URL with its group and client.",
    ),
    click.option("--group", metavar="ID", help="Export the members of a Group."),
    click.option("--patient-level", is_flag=True, help="Export all patients, not the system."),
    click.option("--type", "types", metavar="T", multiple=True, help="Only this resource type."),
    click.option(
        "--type-filter", "type_filters", metavar="F", multiple=True, help="A FHIR search per type."
    ),
    click.option(
        "--since",
        metavar="INSTANT|last",
        help="Only what changed since; last: since the last complete export of the same request; "
        "with --from-dicomweb a date: only studies from then on.",
    ),
    click.option("--client-id", metavar="ID", help="What the server calls this client."),
    click.option(
        "--key", "key_file", type=click.Path(path_type=Path), help="Private key of the client."
    ),
    click.option(
        "--allow-host",
        "allowed_hosts",
        metavar="HOST",
        multiple=True,
        help="Another host that the server may name.",
    ),
    click.option(
        "--accept-wrong-counts",
        is_flag=True,
        help="Take files with another number of resources than the server says.",
    ),
)


def export_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of an export."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What was typed about an export."""

    server: str | None
    group: str | None
    patient_level: bool
    types: tuple[str, ...]
    type_filters: tuple[str, ...]
    since: str | None
    client_id: str | None
    key_file: Path | None
    allowed_hosts: tuple[str, ...]
    accept_wrong_counts: bool

    @classmethod
    def take(cls, options: dict[str, Any]) -> Self:
        """Take those of an export out of the options of a command.

        Raises
        ------
        click.UsageError
            They do not fit together.
        """
        taken = cls(**{field.name: options.pop(field.name) for field in fields(cls)})
        if taken.server is None and any(getattr(taken, f.name) for f in fields(cls)):
            raise click.UsageError("Options of an export belong to --from-server.")
        if taken.group and taken.patient_level:
            raise click.UsageError("--group and --patient-level exclude each other.")
        if taken.key_file and not taken.client_id:
            raise click.UsageError("--key belongs to --client-id.")
        return taken


def fetch(
    options: ExportOptions,
    installation: "Installation",
    name: str | None,
    source: str | None,
    progress: "Progress",
) -> "FetchedExport":
    """Fetch the export into landing; `source` is what the lake is to call the server.

    Raises
    ------
    click.UsageError
        No server is named, neither here nor in the settings.
    TransferError
        It did not come to its end; the message says what to do.
    """
    from medplatform.bulk_export import fetch_export, last_transaction_time

    settings = installation.settings
    request = _request(options, installation)
    since = options.since
    if since == LAST:
        since = last_transaction_time(settings.landing, request)
        click.echo(f"Asking for {f'what changed since {since}' if since else 'everything'}.")
    is_configured = request.base_url == _base_url(installation)
    return fetch_export(
        type(request).of(**{**request.model_dump(), "since": since}),
        landing=settings.landing,
        delivery=name,
        source=source or (settings.bulk_source if is_configured else None),
        credentials=_credentials(options, installation, is_configured),
        allowed_hosts=(
            *options.allowed_hosts,
            *(settings.bulk_allowed_hosts if is_configured else ()),
        ),
        network=installation.network,
        accept_wrong_counts=options.accept_wrong_counts,
        progress=progress,
        notify=click.echo,
    )


def show_export(export: "FetchedExport") -> None:
    """Print what an export brought, and what the server said about it."""
    types = [{"type": name, "resources": number} for name, number in export.resources.items()]
    if types:
        print_table(f"Exported up to {export.transaction_time}", types)
    else:
        click.echo(f"Nothing new up to {export.transaction_time}.")
    for problem in export.problems:
        click.secho(f"Accepted as it is: {problem}", fg="yellow", err=True)
    if export.issues:
        issues = ", ".join(f"{name} ({number})" for name, number in export.issues.items())
        click.secho(f"The server reported: {issues}.", fg="yellow", err=True)


def _request(options: ExportOptions, installation: "Installation") -> "ExportRequest":
    from medplatform.bulk_export import ExportRequest

    url = options.server or installation.settings.bulk_server_url
    if not url:
        raise click.UsageError(
            "No FHIR server is configured: give --from-server URL, or set "
            "MEDPLATFORM_BULK_SERVER_URL."
        )
    group = options.group
    if options.server == CONFIGURED and not group and not options.patient_level:
        group = installation.settings.bulk_group_id
    return ExportRequest.of(
        base_url=url,
        level="group" if group else "patient" if options.patient_level else "system",
        group_id=group,
        types=options.types,
        type_filters=options.type_filters,
    )


def _credentials(
    options: ExportOptions, installation: "Installation", is_configured: bool
) -> "Credentials | None":
    """Those that were typed; those of the settings for the server that they belong to."""
    from medplatform.bulk_export import Credentials

    if not options.client_id:
        return installation.credentials if is_configured else None
    settings = installation.settings
    return Credentials(
        client_id=options.client_id,
        key_file=options.key_file or settings.client_key,
        scope=settings.bulk_scope,
    )


def _base_url(installation: "Installation") -> str | None:
    request = installation.export_request
    return request.base_url if request else None
