-- Written by `python -m medplatform.warehouse.staging` from the table declarations.
-- Change the declaration, not this file.
select
    molecule_id,
    connectivity_id,
    form_id,
    smiles,
    delivered_smiles,
    compound_name,
    delivered_split,
    duplicate_of,
    formula,
    molecular_weight,
    heavy_atom_count,
    formal_charge,
    stereo_center_count,
    undefined_stereo_center_count,
    scaffold_smiles,
    scaffold_id,
    was_salt_stripped,
    removed_fragments,
    was_neutralised,
    is_mixture,
    is_inorganic,
    has_isotopes,
    has_relative_stereo,
    morgan_fingerprint,
    source_id,
    record_number,
    delivery
from {{ source('lake', 'molecules_molecule') }}
qualify
    rank() over (
        partition by source_id, record_number
        order by
            delivery desc,
            source_id asc,
            record_number asc
    ) = 1
