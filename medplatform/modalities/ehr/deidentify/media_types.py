"""Media types (RFC 2045, 5.1) without the parameters that may name a file or a person."""

import re

_TYPES = "application|audio|chemical|font|image|message|model|multipart|text|video"
_MEDIA_TYPE = re.compile(rf"\s*((?:{_TYPES})/[a-z0-9][a-z0-9.+-]{{0,79}})\s*(;.*)?", re.I | re.S)
_CHARSET = re.compile(
    r";\s*charset\s*=\s*\"?(utf-?(?:8|16|32)(?:[bl]e)?|us-ascii|iso-8859-\d{1,2}|windows-125\d)\"?"
    r"\s*(?=;|$)",
    re.I,
)


def generalise_media_type(text: str) -> str | None:
    """Type, subtype and charset of a media type; None for what is none."""
    found = _MEDIA_TYPE.fullmatch(text)
    if found is None:
        return None
    charset = _CHARSET.search(found[2] or "")
    return found[1] + (f";charset={charset[1]}" if charset else "")
