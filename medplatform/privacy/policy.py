"""What is kept, generalised, shifted or dropped: reviewed declarations, not environment variables.

`SAFE_HARBOR` states for each of the 18 identifiers of 45 CFR 164.514(b)(2)(i) what the platform
does. Dates are shifted per patient rather than cut to the year, which Safe Harbor does not cover:
a release outside the institution needs an expert determination for them.
"""

OLDEST_AGE = 90

# Three-digit ZIP areas of at most 20,000 people (2020 census), to be replaced by 000.
RESTRICTED_ZIP3 = frozenset(
    {"036", "059", "102", "203", "205", "369", "556", "692", "753", "772", "821", "823", "878"}
    | {"879", "884", "893"}
)

SAFE_HARBOR: dict[str, str] = {
    "names": "dropped",
    "geographic subdivisions smaller than a state": "dropped, but for the first three digits of a "
    "US postal code; 000 for areas of at most 20,000 people",
    "dates": "shifted by 1 to 365 days either way, one secret shift per patient over all "
    "modalities; birth date cut to the year, years of ages over 89 merged",
    "telephone numbers": "dropped",
    "fax numbers": "dropped",
    "e-mail addresses": "dropped",
    "social security numbers": "dropped",
    "medical record numbers": "replaced by an HMAC-SHA-256 pseudonym",
    "health plan beneficiary numbers": "dropped",
    "account numbers": "dropped",
    "certificate and licence numbers": "dropped",
    "vehicle identifiers": "dropped",
    "device identifiers and serial numbers": "dropped",
    "URLs": "dropped",
    "IP addresses": "dropped",
    "biometric identifiers": "dropped; genotypes are a PHI class of their own",
    "full-face photographs": "imaging pixels are a PHI class of their own",
    "other unique numbers": "resource ids, UIDs, accession numbers and sample names are replaced "
    "by HMAC-SHA-256 tokens; free text is dropped",
}


def generalise_birth_year(shifted_year: int, reference_year: int) -> int:
    """Merge the years of birth of everybody who is over 89 in the reference year."""
    return max(shifted_year, reference_year - OLDEST_AGE)


def generalise_postal_code(postal_code: str | None) -> str | None:
    """First three digits of a US postal code, 000 for small areas, None for anything else."""
    digits = (postal_code or "").strip()[:5]
    if len(digits) != 5 or not digits.isdigit():
        return None
    return "000" if digits[:3] in RESTRICTED_ZIP3 else digits[:3]
