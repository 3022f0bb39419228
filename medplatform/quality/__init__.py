"""What stands between layers: the count identity, and rules derived from tables.

The rules are run by Great Expectations per delivery.

No GX object and no value of a record leaves this package: only findings, which are numbers and
names of rules.
"""

from medplatform.quality.accounting import COUNT_CHECK, count_identity
from medplatform.quality.rules import CHECKS, Check, Rule, rules_of
from medplatform.quality.staged import validate_staged
from medplatform.quality.validate import Finding, is_rejected, validate

__all__ = [
    "CHECKS",
    "COUNT_CHECK",
    "Check",
    "Finding",
    "Rule",
    "count_identity",
    "is_rejected",
    "rules_of",
    "validate",
    "validate_staged",
]
