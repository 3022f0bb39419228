"""What can go wrong with an export. Every message names the remedy, none a record, URL or token."""


class ExportError(RuntimeError):
    """An export did not come to its end. What was fetched is kept, unless the message says so."""


class ExportLocked(ExportError):
    """Another process fetches the same export."""


class RequestError(ExportError):
    """What is asked for cannot be asked of any server."""


class HostNotAllowed(ExportError):
    """The server named an address that was not configured."""


class CertificateRefused(ExportError):
    """A server showed a certificate that is not trusted."""


class CredentialsError(ExportError):
    """The private key cannot be used."""


class AuthorizationFailed(ExportError):
    """The authorization server gave no access token, or the FHIR server did not take it."""


class ServerUnavailable(ExportError):
    """A server could not be reached, or was not ready, more often than is borne.

    `was_sent`: the request may have arrived, though no answer came.
    """

    def __init__(self, message: str, *, was_sent: bool = False) -> None:
        super().__init__(message)
        self.was_sent = was_sent


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
