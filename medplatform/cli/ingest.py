"""`medplatform ingest`: a path, the export of a server, or what waits in landing."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from medplatform.cli import pacs
from medplatform.cli.bulk_export import ExportOptions, export_options, fetch, show_export
from medplatform.cli.terminal import installation_of_settings, progress_bars

if TYPE_CHECKING:
    from medplatform.ingest import Receipt
    from medplatform.installation import Installation
    from medplatform.modalities import Modality
    from medplatform.modalities.modality import Progress

_MODALITY_OF = {
    "labels": "imaging",
    "label_file_column": "imaging",
    "label_patient_column": "imaging",
    "label_column": "imaging",
    "label_box_columns": "imaging",
    "label_box_form": "imaging",
    "image_modality": "imaging",
    "genome_build": "genomics",
    "regions": "genomics",
    "text_keys": "genomics",
    "smiles_column": "molecules",
    "id_column": "molecules",
    "assay_columns": "molecules",
    "fhir_release": "ehr",
    "source": "ehr",
}
"""Options that say something about the deliveries of one modality only."""


class ModalityName(click.ParamType):
    """The name of a modality, resolved to the modality when the command runs."""

    name = "modality"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Look the modality up."""
        from medplatform.modalities import MODALITIES

        if value not in MODALITIES:
            self.fail(f"{value!r} is none of {', '.join(MODALITIES)}.", param, ctx)
        return MODALITIES[value]

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """The names, for the help of a command."""
        from medplatform.modalities import MODALITIES

        return f"{{{'|'.join(MODALITIES)}}}"


@click.command()
@click.argument("modality", type=ModalityName())
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--delivery", "-d", "name", help="Name of the delivery, without identifiers.")
@click.option("--again", is_flag=True, help="Read the named delivery anew and replace its rows.")
@click.option(
    "--one-subject-per-record",
    is_flag=True,
    help="Declare that each image or sample is a person of its own (public data sets).",
)
@click.option("--labels", help="Label table (CSV) of a folder of images, by its path in PATH.")
@click.option("--label-file-column", help="Its column that names the image file.")
@click.option("--label-patient-column", help="Its column that names the patient.")
@click.option("--label-column", help="Its column that holds the class, by default label.")
@click.option(
    "--label-box-columns",
    nargs=4,
    metavar="X Y WIDTH HEIGHT",
    help="Its four columns that hold a box in pixels.",
)
@click.option(
    "--label-box-form",
    type=click.Choice(["size", "corners"]),
    help="corners: the third and fourth are the largest x and y.",
)
@click.option("--image-modality", help="DICOM modality of PNG, JPEG or NIfTI images, e.g. DX.")
@click.option(
    "--genome-build", type=click.Choice(["GRCh37", "GRCh38"]), help="Reference of the positions."
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    help="Region of a VCF to read, as chr:start-end; may be given several times. Or the name of a "
    "BED file in PATH.",
)
@click.option(
    "--text-key",
    "text_keys",
    multiple=True,
    help="INFO or FORMAT key whose texts name nobody; may be given several times.",
)
@click.option("--smiles-column", help="Column of a table of molecules that holds SMILES.")
@click.option("--id-column", help="Its column, or SDF property, with the id of the compound.")
@click.option(
    "--assay-column",
    "assay_columns",
    multiple=True,
    help="Its column, or SDF property, with what was measured; may be given several times.",
)
@click.option(
    "--fhir-release",
    type=click.Choice(["4.0", "4.3", "5.0"]),
    help="Release of FHIR, where the resources do not tell.",
)
@click.option(
    "--source",
    help="Name of the FHIR server that the files come from, where there are several; "
    "with --from-server made of its address unless given.",
)
@export_options
@pacs.retrieval_options
def ingest(
    modality: "Modality",
    path: Path | None,
    name: str | None,
    again: bool,
    one_subject_per_record: bool,
    **options: Any,
) -> None:
    """Read a file or folder into the lake, or every waiting delivery where no PATH is given.

    PATH is copied to landing first and stays untouched; without --delivery the copy is named by
    its content. Options go before those of a delivery.json in PATH.

    Exit code 0: every record was accepted, blank or kept. 3: records are in quarantine, a file was
    read only up to a break, or images could not be fetched. 1: a delivery could not be read, or was
    rejected as a whole.
    """
    retrieval = pacs.RetrievalOptions.take(options)
    export = ExportOptions.take(options)
    declared = {key: value for key, value in options.items() if value}
    if one_subject_per_record:
        declared["subjects"] = "per_record"
    is_export = export.server is not None
    is_retrieval = retrieval.server is not None
    if is_export and is_retrieval:
        raise click.UsageError("--from-server and --from-dicomweb exclude each other.")
    if is_retrieval and modality.name != "imaging":
        raise click.UsageError("--from-dicomweb fetches records of modality imaging.")
    if is_retrieval and (path or again):
        raise click.UsageError("--from-dicomweb goes neither with PATH nor with --again.")
    _demand_meaning(modality, path, name, declared, again=again, is_export=is_export)

    installation = installation_of_settings()
    is_short = False
    with progress_bars() as progress:
        if is_export:
            name = _fetch(export, modality, installation, name, declared.get("source"), progress)
            if name is None:
                return
        elif is_retrieval:
            name, is_short = _retrieve(retrieval, installation, name, progress)
            if name is None:
                sys.exit(3 if is_short else 0)
        elif path is not None:
            name = _deliver(path, modality, installation, name, declared)
        receipts = _read(modality, installation, name, again, progress)
    _show(receipts, installation, is_named=name is not None, is_short=is_short)


def _demand_meaning(
    modality: "Modality",
    path: Path | None,
    name: str | None,
    declared: Mapping[str, Any],
    *,
    again: bool,
    is_export: bool,
) -> None:
    """Refuse options that mean nothing together."""
    if is_export and modality.name != "ehr":
        raise click.UsageError("--from-server fetches records of modality ehr.")
    if is_export and (path or again):
        raise click.UsageError("--from-server goes neither with PATH nor with --again.")
    if again and not (name or path):
        raise click.UsageError("--again reads one delivery anew: name it with --delivery.")
    if declared and not path and not (is_export and set(declared) == {"source"}):
        raise click.UsageError(
            "Options belong to a delivery from its beginning: give PATH, or a delivery.json."
        )
    for option in declared:
        if _MODALITY_OF.get(option, modality.name) != modality.name:
            raise click.UsageError(
                f"--{option.replace('_', '-')} belongs to modality {_MODALITY_OF[option]}."
            )


def _fetch(
    export: ExportOptions,
    modality: "Modality",
    installation: "Installation",
    name: str | None,
    source: str | None,
    progress: "Progress",
) -> str | None:
    """Fetch an export into landing; the name of the delivery, None where it brought nothing."""
    from medplatform.ingest import refuse_mixture

    refuse_mixture(modality.name, name or "", installation.identity)
    fetched = fetch(export, installation, name, source, progress)
    show_export(fetched)
    return fetched.delivery


def _retrieve(
    retrieval: pacs.RetrievalOptions,
    installation: "Installation",
    name: str | None,
    progress: "Progress",
) -> tuple[str | None, bool]:
    """Fetch images into landing; the name of the delivery, and whether some could not be had."""
    from medplatform.ingest import refuse_mixture

    refuse_mixture("imaging", name or "", installation.identity)
    fetched = pacs.fetch(retrieval, installation, name, progress)
    pacs.show_retrieval(fetched)
    return fetched.delivery, fetched.failed > 0


def _deliver(
    path: Path,
    modality: "Modality",
    installation: "Installation",
    name: str | None,
    declared: Mapping[str, Any],
) -> str:
    """Copy a path to landing, after all that can be found wrong without reading it."""
    from medplatform.ingest import refuse_mixture
    from medplatform.modalities.delivery import deliver
    from medplatform.modalities.imaging.labels import check_labels
    from medplatform.modalities.options import read_options

    refuse_mixture(modality.name, name or "", installation.identity)
    if "regions" in declared:
        declared = {**declared, "regions": _regions(declared["regions"], path)}
    if modality.name == "imaging":
        folder = path if path.is_dir() else None
        check_labels(path, read_options(folder, declared))
    return deliver(path, installation.settings.landing, modality.name, name, declared).name


def _regions(texts: Sequence[str], path: Path) -> tuple[str, ...] | str:
    """What `delivery.json` has for the regions, or the name of a BED file, of --region."""
    from medplatform.modalities.files import record_files
    from medplatform.modalities.genomics.selection import declare_regions

    files = record_files(path) if path.is_dir() else [path]
    return declare_regions(texts, {file.name for file in files})


def _read(
    modality: "Modality",
    installation: "Installation",
    name: str | None,
    again: bool,
    progress: "Progress",
) -> "list[Receipt]":
    from medplatform.ingest import ingest_pending

    return ingest_pending(
        installation.modality(modality.name),
        landing=installation.settings.landing,
        lake=installation.lake,
        identity=installation.identity,
        quiet_period_s=installation.settings.quiet_period_s,
        deliveries=[name] if name else [],
        again=again,
        progress=progress,
    )


def _show(
    receipts: "list[Receipt]", installation: "Installation", *, is_named: bool, is_short: bool
) -> None:
    """Say what came of what was asked for: of a delivery read before, only where it is named."""
    from medplatform.cli.receipts import exit_code, show_receipts

    asked = [receipt for receipt in receipts if is_named or receipt.status != "unchanged"]
    if not asked:
        click.echo("No closed delivery is waiting.")
    show_receipts(asked, installation.lake)
    sys.exit(exit_code(asked) or (3 if is_short else 0))
