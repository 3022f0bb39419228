"""What reading VCF costs, here and with other tools. `make bench-genomics` prints the tables."""
