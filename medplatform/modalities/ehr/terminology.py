"""Terminologies that are published, so that their display texts name nobody."""

PUBLIC_SYSTEMS = frozenset(
    {
        "http://snomed.info/sct",
        "http://loinc.org",
        "http://www.nlm.nih.gov/research/umls/rxnorm",
        "http://unitsofmeasure.org",
        "http://hl7.org/fhir/sid/ndc",
        "http://hl7.org/fhir/sid/cvx",
        "http://www.whocc.no/atc",
        "http://www.ama-assn.org/go/cpt",
        "http://nucc.org/provider-taxonomy",
        "http://dicom.nema.org/resources/ontology/DCM",
        "urn:ietf:bcp:47",
        "urn:ietf:bcp:13",
        "urn:iso:std:iso:3166",
        "urn:iso:std:iso:4217",
    }
)
PUBLIC_PREFIXES = ("http://terminology.hl7.org/CodeSystem/", "http://hl7.org/fhir/sid/icd-")

CODE_SHAPES: dict[tuple[str, ...], str] = {
    ("http://snomed.info/sct",): r"\d{6,18}([ :,=+{}()]+\d{6,18})*[ {}()]*",
    ("http://loinc.org",): r"(L[APG]|MTHU)?\d{1,7}-\d",
    ("http://www.nlm.nih.gov/research/umls/rxnorm",): r"\d{1,8}",
    ("http://unitsofmeasure.org",): r"(?!.*\d{5})[!-~]{1,40}",
    ("http://hl7.org/fhir/sid/ndc",): r"\d{4,5}-[\d*]{3,4}(-[\d*]{1,2})?|\d{9,11}",
    ("http://hl7.org/fhir/sid/cvx",): r"\d{1,3}",
    ("http://www.whocc.no/atc",): r"[A-Z](\d\d([A-Z]([A-Z](\d\d)?)?)?)?",
    ("http://www.ama-assn.org/go/cpt",): r"\d{4}[0-9A-Z](-[0-9A-Z]{2})*",
    ("http://nucc.org/provider-taxonomy",): r"[0-9A-Z]{9}X",
    ("http://dicom.nema.org/resources/ontology/DCM",): r"\d{6}|[A-Z][A-Z0-9_]{1,15}",
    ("urn:ietf:bcp:47",): r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}",
    ("urn:ietf:bcp:13",): r"[a-z]{4,11}/[A-Za-z0-9.+-]{1,80}",
    ("urn:iso:std:iso:3166", "urn:iso:std:iso:4217"): r"[A-Z]{2,3}(-[A-Z0-9]{1,3})?|\d{3}",
    ("http://terminology.hl7.org/CodeSystem/",): r"[!-~]{1,64}",
    ("http://hl7.org/fhir/sid/icd-",): r"(?=\D?\d)[A-Z0-9]{2,4}(\.[0-9A-Z-]{1,4})?[*+!]?"
    r"|[A-Z]\d[0-9A-Z]{1,5}|[A-Z]\d\d-[A-Z]?\d\d|\d{3,5}|(?=.*\d)[0-9A-HJ-NP-Z]{7}",
}
"""What codes look like, by their systems; those that end in / or - are prefixes."""
