"""Genotypes: sample columns to packed cells and their rows, and who carries rare alleles."""
