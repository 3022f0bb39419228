"""What stands between layers: rules derived from tables, run by Great Expectations per delivery.

No GX object and no value of a record leaves this package: only findings, which are numbers and
names of rules.
"""

from medplatform.quality.rules import CHECKS, Check, Rule, rules_of
from medplatform.quality.validate import Finding, is_rejected, validate

__all__ = ["CHECKS", "Check", "Finding", "Rule", "is_rejected", "rules_of", "validate"]
