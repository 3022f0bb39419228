"""What is made up in `medplatform demo`, so that it is never mixed with patients who exist."""

from hashlib import sha256

from medplatform.privacy import Identity, KeyRing

IDENTIFIER_SYSTEM = "urn:medplatform:demo:mrn"
"""Identifier system of the demo's patients; a vault that begins with it belongs to the demo."""
DELIVERY = "synthetic-cohort"
BROKEN = "bad-"
"""How the names of its broken deliveries begin."""


MASTER_KEY = sha256(b"master key of the medplatform demo, which protects nobody").digest()
"""Master key of the demo. Pseudonyms decide who is trained on and who is tested on, so the demo has
one key everywhere to come out the same everywhere; it is no secret, and refused for other data."""


def is_foreign(identity: Identity, delivery: str) -> bool:
    """Whether a delivery is one's own, where the vault or the master key is that of the demo."""
    is_of_demo = delivery == DELIVERY or delivery.startswith(BROKEN)
    in_demo = (
        identity.local_system == IDENTIFIER_SYSTEM
        or identity.keys.fingerprint == KeyRing(MASTER_KEY).fingerprint
    )
    return in_demo and not is_of_demo
