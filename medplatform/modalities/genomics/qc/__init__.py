"""Quality control of genotypes: of samples, of variants, and of pairs of samples.

All of it is computed from the lake, over every delivery. Nothing here changes or refuses a
genotype: the figures are marts, and what is implausible is a warning.
"""
