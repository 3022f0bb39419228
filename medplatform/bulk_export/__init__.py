"""Exports of FHIR servers (HL7 FHIR Bulk Data Access 2.0 and 3.0), fetched as deliveries.

Belongs here: everything between a server and `landing/ehr/<delivery>`: authorization, waiting,
downloads, what is kept so that a killed process continues. Does not belong here: reading the
records, which is the same for every delivery.
"""

from medplatform.bulk_export.credentials import Credentials, create_key, public_keys
from medplatform.bulk_export.delivered import FetchedExport, FetchedFile
from medplatform.bulk_export.errors import (
    CountsDisagree,
    CredentialsError,
    DownloadFailed,
    ExportError,
    ExportExpired,
    ExportFailed,
    ExportRefused,
    RequestError,
)
from medplatform.bulk_export.fetch import fetch_export
from medplatform.bulk_export.history import last_transaction_time
from medplatform.bulk_export.request import ExportRequest
from medplatform.transfer import (
    AuthorizationFailed,
    CertificateRefused,
    HostNotAllowed,
    Network,
    ServerUnavailable,
    TransferError,
    TransferLocked,
)

__all__ = [
    "AuthorizationFailed",
    "CertificateRefused",
    "CountsDisagree",
    "Credentials",
    "CredentialsError",
    "DownloadFailed",
    "ExportError",
    "ExportExpired",
    "ExportFailed",
    "ExportRefused",
    "ExportRequest",
    "FetchedExport",
    "FetchedFile",
    "HostNotAllowed",
    "Network",
    "RequestError",
    "ServerUnavailable",
    "TransferError",
    "TransferLocked",
    "create_key",
    "fetch_export",
    "last_transaction_time",
    "public_keys",
]
