-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    variant_id,
    source,
    annotation_number,
    allele_number,
    allele,
    consequence,
    impact,
    gene_symbol,
    gene_id,
    feature_type,
    feature_id,
    biotype,
    hgvs_coding,
    hgvs_protein,
    exon,
    intron,
    protein_position,
    is_canonical,
    is_picked,
    mane_select,
    mane_plus_clinical,
    reported_at,
    source_id,
    delivery
from {{ source('lake', 'genomics_annotation') }}
qualify
    rank() over (
        partition by variant_id, source_id, source, annotation_number
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1
