"""Getting deliveries from other machines: whom to speak to, how patiently, what is kept meanwhile.

Belongs here: what every kind of server needs. Does not belong here: any protocol of medicine.
"""

from medplatform.transfer.errors import (
    AuthorizationFailed,
    CertificateRefused,
    HostNotAllowed,
    ServerUnavailable,
    TransferError,
    TransferLocked,
)
from medplatform.transfer.waiting import Network

__all__ = [
    "AuthorizationFailed",
    "CertificateRefused",
    "HostNotAllowed",
    "Network",
    "ServerUnavailable",
    "TransferError",
    "TransferLocked",
]
