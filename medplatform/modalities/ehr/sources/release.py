"""What a file says about the release of FHIR it follows."""

import re
from pathlib import Path

from medplatform.modalities.ehr.issue import Issue
from medplatform.modalities.ehr.sources.member import read_members

_HEAD_BYTES = 1 << 20
# As a key: within a JSON string these quotes would be escaped.
_VERSION = re.compile(rb'"fhirVersion"[ \t\r\n]*:[ \t\r\n]*\[?[ \t\r\n]*"([45])\.([0-9])[.0-9]*"')
_RELEASES = {(b"4", b"0"): "4.0", (b"4", b"1"): "4.3", (b"4", b"3"): "4.3", (b"5", b"0"): "5.0"}


def find_release_hint(path: Path) -> str | None:
    """The release, as "4.0", "4.3" or "5.0", if the beginning of the file names one.

    CapabilityStatement, ImplementationGuide, StructureDefinition and the log of a bulk export
    have a `fhirVersion`; resources about patients do not, nor has the manifest of an export.
    """
    for member in read_members(path):
        if not isinstance(member, Issue):
            found = _VERSION.search(member.tape().gather(_HEAD_BYTES))
            if found and (release := _RELEASES.get((found[1], found[2]))):
                return release
    return None
