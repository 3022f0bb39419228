"""Annotations of variants, taken apart by the format that the header states.

VEP writes them under CSQ (gnomAD under `vep`), SnpEff under ANN, bcftools csq under BCSQ: lists of
annotations separated by commas, each a list of fields separated by bars. Here they become rows.
Not here: which of them count as damaging (`burden`), and what ClinVar says (`clinvar`).
"""
