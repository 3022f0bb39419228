"""De-identification policies at the command line."""

from pathlib import Path

import click


@click.group()
def policy() -> None:
    """Show or convert de-identification policies."""


@policy.command("show")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--images", is_flag=True, help="The policy of images, not of health records.")
def show_policy(file: Path | None, images: bool) -> None:
    """Print a policy as YAML: that in FILE, else the one that this installation reads with."""
    from medplatform.modalities.ehr.deidentify import SHIFTED_SAFE_HARBOR, Policy
    from medplatform.modalities.imaging.deidentify.policy import load_policy
    from medplatform.settings import get_settings

    if images:
        click.echo(load_policy(file or get_settings().imaging_policy).dump(), nl=False)
        return
    file = file or get_settings().ehr_policy
    shown = Policy.load(file) if file else SHIFTED_SAFE_HARBOR
    click.echo(shown.dump(), nl=False)


@policy.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_policy(file: Path) -> None:
    """Print the policy that a configuration of Microsoft's FHIR anonymizer describes, as YAML.

    Keep it in a file, review it, and name it in MEDPLATFORM_EHR_POLICY. What it means here that is
    not what it means there goes to stderr.
    """
    from medplatform.modalities.ehr.deidentify.microsoft import read_microsoft_configuration

    imported = read_microsoft_configuration(file)
    for note in imported.notes:
        click.echo(note, err=True)
    click.echo(imported.dump(), nl=False)
