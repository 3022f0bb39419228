"""What an OperationOutcome says, without what it says about a patient.

Its texts (`diagnostics`, `details.text`) and expressions may quote records. Severity and code come
from value sets of FHIR, so only those leave the file.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

SEVERITIES = frozenset({"fatal", "error", "warning", "information", "success"})
_SERIOUS = frozenset({"fatal", "error"})
# http://hl7.org/fhir/ValueSet/issue-type, FHIR 4.0.1 and 5.0.0.
# fmt: off
CODES = frozenset((
    "invalid", "structure", "required", "value", "invariant", "security", "login", "unknown",
    "expired", "forbidden", "suppressed", "processing", "not-supported", "duplicate",
    "multiple-matches", "not-found", "deleted", "too-long", "code-invalid", "extension",
    "too-costly", "business-rule", "conflict", "transient", "lock-error", "no-store", "exception",
    "timeout", "incomplete", "throttled", "informational", "success", "limited-filter",
))
# fmt: on
_TRANSIENT = frozenset({"transient", "lock-error", "timeout", "throttled"})


def count_issues(line: bytes) -> Counter[str]:
    """The issues of an OperationOutcome by `severity/code`; `unreadable` where it is none.

    >>> count_issues(b'{"issue": [{"severity": "error", "code": "processing"}]}')
    Counter({'error/processing': 1})
    """
    counts = Counter(
        f"{_known(issue.get('severity'), SEVERITIES)}/{_known(issue.get('code'), CODES)}"
        for issue in _issues(line)
    )
    return counts or Counter({"unreadable": 1})


def is_serious(issues: Counter[str]) -> bool:
    """Whether resources may be missing for the issues: one is an error, or cannot be read."""
    return any(name.partition("/")[0] in {*_SERIOUS, "other", "unreadable"} for name in issues)


def is_transient(body: bytes) -> bool:
    """Whether an OperationOutcome says that the same request may succeed later."""
    return any(issue.get("code") in _TRANSIENT for issue in _issues(body))


def describe(body: bytes) -> str:
    """The issues of an answer in words, e.g. `error/not-supported`; what it is if not that."""
    issues = count_issues(body)
    return "without a reason" if "unreadable" in issues else f"with {', '.join(sorted(issues))}"


def _issues(text: bytes) -> Iterator[dict[str, Any]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return
    issues = document.get("issue") if isinstance(document, dict) else None
    for issue in issues if isinstance(issues, list) else ():
        if isinstance(issue, dict):
            yield issue


def _known(value: Any, names: frozenset[str]) -> str:
    return value if isinstance(value, str) and value in names else "other"
