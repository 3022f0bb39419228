"""`medplatform export dicom`: a cohort of images as de-identified DICOM files."""

from pathlib import Path

import click

from medplatform.cli.terminal import installation_of_settings, print_table, progress_bars


@click.command("dicom")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--series", multiple=True, metavar="ID", help="Only this series; may be repeated.")
@click.option(
    "--patient",
    "patients",
    multiple=True,
    metavar="PSEUDONYM",
    help="Only this patient; may be repeated.",
)
@click.option("--delivery", metavar="NAME", help="Only images that came with this delivery.")
def export_dicom(
    out: Path, series: tuple[str, ...], patients: tuple[str, ...], delivery: str | None
) -> None:
    """Write de-identified images as DICOM files below OUT.

    They are read again from landing and de-identified by the policy of the installation
    (MEDPLATFORM_IMAGING_POLICY). manifest.csv there lists what was written, and what was left out
    with its reason.
    """
    from medplatform.modalities.ehr.deleted import find_deleted_patients
    from medplatform.modalities.imaging import export
    from medplatform.modalities.imaging.deidentify.policy import load_policy

    installation = installation_of_settings()
    settings = installation.settings
    with progress_bars() as progress:
        manifest = export.export_dicom(
            installation.lake,
            settings.landing,
            installation.identity,
            load_policy(settings.imaging_policy),
            out,
            export.Selection(series=series, patients=patients, delivery=delivery),
            deleted_patients=find_deleted_patients(installation.lake),
            progress=progress,
        )
    if manifest.is_empty():
        raise click.ClickException("There is no image of these ids in the lake.")
    print_table(
        f"{manifest['file'].count()} images in {out}, the rest in {out / export.MANIFEST}",
        manifest.group_by("modality", "pixels", "left_out")
        .len("images")
        .sort("modality", "pixels", "left_out"),
    )
