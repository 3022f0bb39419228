"""What is made up in `medplatform demo`, so that it is never mixed with patients who exist."""

IDENTIFIER_SYSTEM = "urn:medplatform:demo:mrn"
"""Identifier system of the demo's patients; a vault that begins with it belongs to the demo."""
DELIVERY = "synthetic-cohort"
BROKEN = "bad-"
"""How the names of its broken deliveries begin."""


def is_foreign(system: str | None, delivery: str) -> bool:
    """Whether a delivery is one's own, in a folder whose identifier system is that of the demo."""
    is_of_demo = delivery == DELIVERY or delivery.startswith(BROKEN)
    return system == IDENTIFIER_SYSTEM and not is_of_demo
