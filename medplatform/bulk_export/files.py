"""The files of an export, several at a time."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from medplatform.bulk_export.client import Client
from medplatform.bulk_export.download import Downloader, FileGone
from medplatform.bulk_export.errors import CountsDisagree, DownloadFailed
from medplatform.bulk_export.manifest import ExportFile
from medplatform.bulk_export.workspace import Workspace
from medplatform.modalities.modality import Progress

# A server that refuses this many files would refuse the others too.
_MOST_FAILED = 20


@dataclass(slots=True)
class Missing:
    """Files that could not be had: `gone` may have new addresses."""

    gone: list[ExportFile] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    disagree: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return self.reasons.total() + self.disagree.total()

    def note(self, file: ExportFile, error: DownloadFailed | CountsDisagree) -> None:
        """Take note of a file."""
        reason = f"{file.resource_type}: {error}"
        if isinstance(error, CountsDisagree):
            self.disagree[reason] += 1
            return
        self.reasons[reason] += 1
        if isinstance(error, FileGone):
            self.gone.append(file)

    def demand_none(self, total: int, folder: str) -> None:
        """Raise if there are any.

        Raises
        ------
        DownloadFailed, CountsDisagree
            There are; the message says which, by type.
        """
        kept = (
            f"All others are kept. Run this again to try those anew; to begin a new export, "
            f"remove {folder}"
        )
        if self.reasons:
            raise DownloadFailed(
                f"{self.reasons.total()} of {total} files could not be fetched "
                f"({_list(self.reasons)}). {kept}"
            )
        if self.disagree:
            raise CountsDisagree(
                f"{self.disagree.total()} of {total} files are not what the manifest says "
                f"({_list(self.disagree)}), fetched twice. {kept}, or deliver them as they are "
                f"with --accept-wrong-counts."
            )


def fetch_files(
    files: Sequence[ExportFile],
    downloader: Downloader,
    workspace: Workspace,
    client: Client,
    progress: Progress,
    total: int,
) -> Missing:
    """Fetch files into a workspace, which notes each as it is complete.

    Parameters
    ----------
    total
        Files of the export; those not in `files` are complete already.

    Raises
    ------
    TransferError
        The server does not answer, or no file may be fetched at all.
    """
    missing = Missing()
    complete = total - len(files)
    queue = iter(files)
    parallel = client.network.parallel
    pending: dict[Future, ExportFile] = {}
    with ThreadPoolExecutor(parallel, thread_name_prefix="bulk-export") as pool:
        try:
            while True:
                while len(pending) < 2 * parallel and len(missing) < _MOST_FAILED:
                    file = next(queue, None)
                    if file is None:
                        break
                    pending[pool.submit(downloader.fetch, file)] = file
                if not pending:
                    return missing
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    file = pending.pop(future)
                    try:
                        workspace.note_complete(future.result())
                    except (DownloadFailed, CountsDisagree) as error:
                        missing.note(file, error)
                    else:
                        complete += 1
                        progress("download", complete, total)
        except BaseException:
            client.stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _list(reasons: Counter[str]) -> str:
    shown = [f"{count} × {reason}" for reason, count in sorted(reasons.items())[:5]]
    return "; ".join([*shown, "…"] if len(reasons) > 5 else shown)
