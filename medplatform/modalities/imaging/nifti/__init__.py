"""NIfTI-1 and NIfTI-2 files: volumes slice by slice, and label maps as masks.

Only what describes the voxels is read. Free text of the header (descrip, aux_file, db_name,
intent_name) and its extensions are never looked at: they may hold names.
"""
