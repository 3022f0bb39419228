"""FORMAT: the values of the sample columns beside the genotypes, typed by the header."""
