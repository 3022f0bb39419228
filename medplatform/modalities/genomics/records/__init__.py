"""The records of a VCF file: lines to columns, judged batch by batch."""
