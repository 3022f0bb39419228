"""What can go wrong with an export. Every message names the remedy, none a record, URL or token."""

from medplatform.transfer.errors import TransferError


class ExportError(TransferError):
    """An export did not come to its end. What was fetched is kept, unless the message says so."""


class RequestError(ExportError):
    """What is asked for cannot be asked of any server."""


class CredentialsError(ExportError):
    """The private key cannot be used."""


class ExportRefused(ExportError):
    """The server does not start this export."""


class ExportFailed(ExportError):
    """The server gave the export up, or described it in a way that cannot be used."""


class ExportExpired(ExportError):
    """The server has forgotten the export."""


class DownloadFailed(ExportError):
    """Some files of the export could not be fetched, all others were."""


class CountsDisagree(ExportError):
    """Files hold another number of resources, or bytes, than the server says."""
