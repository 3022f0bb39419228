"""Sets of labelled DNA sequences: FASTA files and tables, of no patient in particular."""
