"""The decoding process: BCF on standard input to VCF text on standard output, by htslib.

It may be killed by what it reads, so it is started for one file and asked for nothing else (see
`bcf`). Run as `python -m medplatform.modalities.genomics.sources.bcf_text`.
"""

import resource
import sys

import pysam
import pysam.bcftools

MEMORY_BYTES = 4 << 30


def main() -> int:
    """Decode until the end or until a record cannot be decoded; 0 says that it was the end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pysam.bcftools.view("--no-version", "--no-update", "-Ov", "-", catch_stdout=False)
    except pysam.SamtoolsError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
