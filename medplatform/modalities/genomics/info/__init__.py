"""The column INFO of VCF records, typed by the header."""
