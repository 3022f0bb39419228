"""What can go wrong between two machines. Messages name the remedy, never a record or secret."""


class TransferError(RuntimeError):
    """A transfer did not come to its end. What has come is kept, unless the message says so."""


class TransferLocked(TransferError):
    """Another process works on the same transfer."""


class HostNotAllowed(TransferError):
    """A server named an address that was not configured."""


class CertificateRefused(TransferError):
    """A server showed a certificate that is not trusted."""


class AuthorizationFailed(TransferError):
    """A server, or the one that gives access to it, did not take what it was shown."""


class ServerUnavailable(TransferError):
    """A server could not be reached, or was not ready, more often than is borne.

    `was_sent`: the request may have arrived, though no answer came.
    """

    def __init__(self, message: str, *, was_sent: bool = False) -> None:
        super().__init__(message)
        self.was_sent = was_sent
