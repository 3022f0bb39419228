"""Images of a PACS as deliveries: fetched by DICOMweb or DIMSE, or received.

Belongs here: everything between a PACS and `landing/imaging/<delivery>`. Does not belong here:
reading the files, which is the same for every delivery.
"""
