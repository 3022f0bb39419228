"""Reference sequences (FASTA) of genome builds: kept, checked, and compared with records."""
