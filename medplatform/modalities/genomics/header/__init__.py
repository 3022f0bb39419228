"""The header of a VCF file: its meta-information lines, and which keys they or VCF define."""
