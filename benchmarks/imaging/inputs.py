"""`python -m benchmarks.imaging.inputs KIND FOLDER` writes what candidates read.

In a process of its own, because the peak memory of a candidate counts from that of its parent.
"""

import argparse
import json
from pathlib import Path

from benchmarks.imaging import cache, frames, header

KINDS = {"headers": header.write, "frames": frames.write, "cache": cache.write}


def main() -> None:
    """Write one kind of input."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    KINDS[given.kind](given.folder)
    print(json.dumps(str(given.folder)))


if __name__ == "__main__":
    main()
