"""The command line: the same functions as the Dagster UI, for terminals and scripts.

Commands import what they need when they run, so that `--help` is instant. An error that a user
can mend is one line on stderr and exit code 1, never a traceback.
"""

import errno
import os
import sys
from pathlib import Path
from typing import NoReturn

import click

from medplatform import __version__
from medplatform.cli import (
    data,
    dimse,
    export,
    export_dicom,
    export_nifti,
    genome,
    ingest,
    keys,
    models,
    operate,
    policy,
    views,
)

_OF_THE_DISK = frozenset(
    {
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
        errno.ENOSPC,
        errno.EDQUOT,
        errno.ENOTDIR,
        errno.EEXIST,
    }
)
"""What is wrong with a folder, and no defect of the platform."""


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="medplatform")
def cli() -> None:
    """From raw multi-modal hospital records to a clinically validated model.

    Start with `medplatform demo`, then `medplatform dev` to look at it.
    """


for _command in (
    operate.demo,
    operate.dev,
    operate.service,
    operate.doctor,
    keys.key,
    ingest.ingest,
    dimse.pull,
    dimse.receive,
    data.quarantine,
    views.views,
    policy.policy,
    genome.genome,
    data.build_marts,
    data.caches,
    export.export,
    models.freeze,
    models.train,
    models.evaluate,
    models.approve,
    models.promote,
    models.rollback,
    models.status,
    models.replay,
    models.audit,
):
    cli.add_command(_command)
export.export.add_command(export_dicom.export_dicom)
export.export.add_command(export_nifti.export_nifti)


def main() -> None:
    """Entry point: turns errors that a user can mend into one line."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted", code=130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except Exception as error:
        # The platform's own exceptions say what to do; any other is a defect and keeps its trace.
        if type(error).__module__.startswith("medplatform."):
            _fail(str(error))
        if isinstance(error, OSError) and (fault := _fault_of_disk(error)):
            _fail(fault)
        raise


def _fault_of_disk(error: OSError) -> str | None:
    """What is wrong with the data folder, without the names of files, which may identify."""
    from medplatform.settings import get_settings

    data = get_settings().data.absolute()
    is_there = error.filename is None or Path(str(error.filename)).absolute().is_relative_to(data)
    if error.errno not in _OF_THE_DISK or not is_there:
        return None
    return (
        f"The data folder {data} cannot be used: {os.strerror(error.errno)}. See to its "
        f"permissions and the space on its disk, or set MEDPLATFORM_DATA to another folder."
    )


def _fail(message: str, code: int = 1) -> NoReturn:
    click.secho(f"medplatform: {message}", fg="red", err=True)
    sys.exit(code)
