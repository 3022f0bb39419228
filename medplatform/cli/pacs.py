"""Which images are wanted of a PACS, and `medplatform ingest imaging --from-dicomweb`."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from medplatform.cli.terminal import print_table

if TYPE_CHECKING:
    from medplatform.installation import Installation
    from medplatform.modalities.modality import Progress
    from medplatform.pacs.dicomweb import Secret
    from medplatform.pacs.query import Query
    from medplatform.pacs.retrieval import Retrieval

CONFIGURED = ""
"""Stands for the server of the settings."""

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

QUERY_OPTIONS = (
    click.option(
        "--modality", "modalities", metavar="M", multiple=True, help="Only this, e.g. CT."
    ),
    click.option("--study", "studies", metavar="UID", multiple=True, help="Only this study."),
    click.option("--series", metavar="UID", multiple=True, help="Only this series."),
    click.option("--patients", type=FILE, help="File of Patient IDs, one a line: only theirs."),
    click.option(
        "--accessions", type=FILE, help="File of accession numbers, one a line: only those."
    ),
    click.option("--until", metavar="DATE", help="Only studies up to this date."),
)
_DICOMWEB_OPTIONS = (
    click.option(
        "--from-dicomweb",
        "dicomweb",
        is_flag=False,
        flag_value=CONFIGURED,
        metavar="[URL]",
        help="Fetch what is new at a DICOMweb server and read that; without URL, at "
        "MEDPLATFORM_DICOMWEB_URL.",
    ),
    click.option("--user", help="User of the DICOMweb server, whose password --secret holds."),
    click.option("--secret", type=FILE, help="File (0600) with the password, or a bearer token."),
)


def with_options(options: tuple[Callable[..., Any], ...]) -> Callable[..., Any]:
    """Gives a command several options."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


retrieval_options = with_options((*_DICOMWEB_OPTIONS, *QUERY_OPTIONS))
"""Gives a command the options of a retrieval by DICOMweb."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """What was typed about the images that are wanted."""

    modalities: tuple[str, ...]
    studies: tuple[str, ...]
    series: tuple[str, ...]
    patients: Path | None
    accessions: Path | None
    since: str | None
    until: str | None

    @classmethod
    def take(cls, options: dict[str, Any]) -> Self:
        """Take those of a query out of the options of a command."""
        return cls(**{field.name: options.pop(field.name) for field in fields(cls)})

    def query(self, modalities: tuple[str, ...] = ()) -> "Query":
        """The query; `modalities` count where none was typed."""
        from medplatform.pacs.query import Query

        return Query.of(
            modalities=self.modalities or modalities,
            studies=self.studies,
            series=self.series,
            patients=_lines(self.patients),
            accessions=_lines(self.accessions),
            since=self.since,
            until=self.until,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalOptions:
    """What was typed about a retrieval by DICOMweb."""

    server: str | None
    user: str | None
    secret: Path | None
    allowed_hosts: tuple[str, ...]
    query: QueryOptions

    @classmethod
    def take(cls, options: dict[str, Any]) -> Self:
        """Take those of a retrieval out of the options of a command, where it asks for one.

        `--since` and `--allow-host` are options of an export too.

        Raises
        ------
        click.UsageError
            They do not fit together.
        """
        server = options.pop("dicomweb")
        shared = {name: options[name] for name in ("since", "allowed_hosts")}
        if server is not None:
            options |= {"since": None, "allowed_hosts": ()}
        query = QueryOptions.take({**options, **shared})
        for field in fields(query):
            if field.name != "since":
                options.pop(field.name)
        taken = cls(
            server=server,
            user=options.pop("user"),
            secret=options.pop("secret"),
            allowed_hosts=shared["allowed_hosts"],
            query=query,
        )
        own = (taken.user, taken.secret, *(getattr(query, f.name) for f in fields(query)[:-2]))
        if server is None and any((*own, query.until)):
            raise click.UsageError("Options of a retrieval belong to --from-dicomweb.")
        if taken.user and not taken.secret:
            raise click.UsageError("--user goes with --secret, the file of the password.")
        return taken


def fetch(
    options: RetrievalOptions, installation: "Installation", name: str | None, progress: "Progress"
) -> "Retrieval":
    """Fetch what is new into landing.

    Raises
    ------
    click.UsageError
        No server is named, neither here nor in the settings.
    TransferError
        It did not come to its end; the message says what to do.
    """
    from medplatform.pacs.dicomweb import fetch_images

    settings = installation.settings
    is_configured = options.server in (CONFIGURED, settings.dicomweb_url)
    url = options.server or settings.dicomweb_url
    if not url:
        raise click.UsageError(
            "No DICOMweb server is configured: give --from-dicomweb URL, or set "
            "MEDPLATFORM_DICOMWEB_URL."
        )
    return fetch_images(
        options.query.query(settings.dicomweb_modalities if is_configured else ()),
        base_url=url,
        landing=settings.landing,
        delivery=name,
        secret=_secret(options, installation, is_configured),
        allowed_hosts=(
            *options.allowed_hosts,
            *(settings.dicomweb_allowed_hosts if is_configured else ()),
        ),
        network=installation.dicomweb_network,
        progress=progress,
        notify=click.echo,
    )


def show_retrieval(retrieval: "Retrieval") -> None:
    """Print what a retrieval brought."""
    title = retrieval.delivery or "Nothing new"
    facts = ("found", "delivered_before", "fetched", "failed")
    print_table(title, [{name: getattr(retrieval, name) for name in facts}])
    for reason, number in retrieval.failures.items():
        click.secho(f"Not fetched: {number} × {reason}.", fg="yellow", err=True)
    for remark, number in retrieval.remarks.items():
        click.echo(f"{remark}: {number}")


def _secret(
    options: RetrievalOptions, installation: "Installation", is_configured: bool
) -> "Secret | None":
    """What was typed; that of the settings for the server that it belongs to."""
    from medplatform.pacs.dicomweb import Secret

    if options.secret:
        return Secret(options.secret, options.user)
    return installation.dicomweb_secret if is_configured else None


def _lines(path: Path | None) -> tuple[str, ...]:
    """The lines of a file, blank ones aside. None of them is repeated in a message."""
    if path is None:
        return ()
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise click.UsageError("A file of identifiers is no text in UTF-8.") from None
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise click.UsageError("A file of identifiers is empty, and would ask for everything.")
    return found
