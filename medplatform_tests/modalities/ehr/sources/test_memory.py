"""The memory that a large Bundle takes, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

MEGABYTES = 100
READ = """
import resource, sys
from pathlib import Path
from medplatform.modalities.ehr.sources import read_blocks

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

before = peak()
read = sum(len(block.lines) for block in read_blocks(Path(sys.argv[1])))
print(read, peak() - before)
"""


@pytest.mark.parametrize("separator", [b"", b"\n"], ids=["one line", "pretty"])
def test_a_large_bundle_is_read_in_bounded_memory(tmp_path: Path, separator: bytes) -> None:
    resource = b'{"resourceType":"Observation","id":"%d","note":[{"text":"' + b"x" * 5000 + b'"}]}'
    entries = MEGABYTES * 200
    path = tmp_path / "large.json"
    with path.open("wb") as stream:
        stream.write(b'{"resourceType":"Bundle","type":"batch","entry":[' + separator)
        for number in range(entries):
            comma = b"," + separator if number else b""
            entry = b'{"fullUrl":"urn:uuid:%d","resource":' + resource + b"}"
            stream.write(comma + entry % (number, number))
        stream.write(separator + b"]}")
    assert path.stat().st_size > MEGABYTES * 1_000_000
    command = [sys.executable, "-c", READ, str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert int(output[0]) == entries
    assert float(output[1]) < MEGABYTES / 2  # MiB
