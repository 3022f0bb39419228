"""Commands about keys: the master key of the pseudonyms, the key of the Bulk Data client."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from medplatform.cli.terminal import installation_of_settings

if TYPE_CHECKING:
    from medplatform.bulk_export.credentials import Algorithm


@click.group()
def key() -> None:
    """The keys of this installation."""


@key.command("create")
def create_key() -> None:
    """Make the master key of this installation (mode 0600). Keep a copy in a safe place."""
    from medplatform.privacy import create_key as make

    settings = installation_of_settings().settings
    make(settings.master_key, settings.vault)
    click.echo(
        f"Created {settings.master_key}. Keep a copy: pseudonyms cannot be repeated without it."
    )


@key.command("create-client")
@click.option(
    "--algorithm",
    type=click.Choice(["ES384", "RS384"]),
    default="ES384",
    show_default=True,
    help="Kind of the signatures.",
)
@click.option("--key", "path", type=click.Path(path_type=Path), help="Where the key is put.")
def create_client_key(algorithm: "Algorithm", path: Path | None) -> None:
    """Make the private key of the Bulk Data client and print the public one (JWKS).

    The private key stays in a file of mode 0600; what is printed goes to the operator of the FHIR
    server.
    """
    from medplatform.bulk_export import create_key as make

    path = path or installation_of_settings().settings.client_key
    public = make(path, algorithm)
    click.echo(f"Created {path}. Register this with the FHIR server:", err=True)
    _print_keys(public)


@key.command("show-client")
@click.option("--key", "path", type=click.Path(path_type=Path), help="Where the private key is.")
def show_client_key(path: Path | None) -> None:
    """Print the public key (JWKS) of the Bulk Data client once more."""
    from medplatform.bulk_export import public_keys

    _print_keys(public_keys(path or installation_of_settings().settings.client_key))


def _print_keys(jwks: dict) -> None:
    import json

    click.echo(json.dumps(jwks, indent=2))
