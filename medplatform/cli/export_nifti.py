"""`medplatform export nifti`: a cohort of images as NIfTI files."""

from pathlib import Path

import click

from medplatform.cli.terminal import installation_of_settings, print_table, progress_bars


@click.command("nifti")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
@click.option("--series", multiple=True, metavar="ID", help="Only this series; may be repeated.")
@click.option(
    "--patient",
    "patients",
    multiple=True,
    metavar="PSEUDONYM",
    help="Only this patient; may be repeated.",
)
@click.option("--with-faults", is_flag=True, help="Also volumes of which the geometry has faults.")
def export_nifti(
    out: Path, series: tuple[str, ...], patients: tuple[str, ...], with_faults: bool
) -> None:
    """Write de-identified images as NIfTI files below OUT, one per volume.

    manifest.csv there lists what was written, and what was left out with its reason.
    """
    from medplatform.volumes import nifti
    from medplatform.warehouse.inputs import IMAGING_SERIES, IMAGING_VOLUME
    from medplatform.warehouse.volumes import write_volumes

    installation = installation_of_settings()
    assembled = write_volumes(installation.lake, installation.settings.marts)
    selection = nifti.Selection(series=series, patients=patients, with_faults=with_faults)
    with progress_bars() as progress:
        manifest = nifti.export_nifti(
            installation.lake,
            assembled.read(IMAGING_SERIES),
            assembled.read(IMAGING_VOLUME),
            out,
            selection,
            progress,
        )
    if manifest.is_empty():
        raise click.ClickException(
            "There is no series of these ids in the lake."
            if series or patients
            else "There is no series in the lake: pictures belong to none."
        )
    print_table(
        f"{manifest['file'].count()} volumes in {out}, the rest in {out / nifti.MANIFEST}",
        manifest.group_by("modality", "left_out").len("volumes").sort("modality", "left_out"),
    )
