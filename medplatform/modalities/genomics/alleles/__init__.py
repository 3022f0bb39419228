"""Alternate alleles in the one form that equal alleles share, structural variants among them."""
