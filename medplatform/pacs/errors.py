"""What can go wrong with images of a PACS. Messages never hold a UID, a name or an identifier."""

from medplatform.transfer.errors import TransferError


class PacsError(TransferError):
    """Images could not be had. What has come is kept, unless the message says so."""


class QueryError(PacsError):
    """What is asked for cannot be asked of any PACS."""


class SearchFailed(PacsError):
    """The server does not search as asked, so that nobody could say what is missing."""


class RetrievalFailed(PacsError):
    """The server gives nothing of what it says that it has."""


class PeerRefused(PacsError):
    """A DICOM peer does not accept the association, or not what is needed of it."""
