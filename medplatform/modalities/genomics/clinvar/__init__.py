"""ClinVar: its files, what they claim of alleles, and the table of it."""
