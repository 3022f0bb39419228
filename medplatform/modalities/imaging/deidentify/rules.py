"""Which action a policy asks for, by tag, VR and private creator.

Of several options that say something of an attribute, one that retains goes before one that
cleans. An attribute of the standard that Table E.1-1 does not list is kept where its VR cannot
hold free text, names or ids; a private one where Table E.3.10-1 lists it; nothing else is.
"""

from collections.abc import Set
from functools import lru_cache

from medplatform.modalities.imaging.deidentify.actions import (
    Action,
    Function,
    Mark,
    cap_ages,
    dummy,
    each,
    empty,
    keep,
    keep_code_string,
    keep_number,
    keep_offset,
    keep_time,
    remove,
    technical_or,
    terms_or,
    where,
)
from medplatform.modalities.imaging.deidentify.code_strings import (
    is_image_type,
    is_kernel,
    is_stack_name,
)
from medplatform.modalities.imaging.deidentify.finish import TOKEN_KINDS
from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.deidentify.table import (
    REMOVED_GROUPS,
    Attribute,
    attribute_types,
    attributes,
    safe_private_vrs,
)
from medplatform.modalities.imaging.terms import (
    LATERALITIES,
    MODALITIES,
    PATIENT_POSITIONS,
    SEXES,
    VIEWS,
    YES_NO,
)

PATIENT_ID = "00100020"
_REMEMBERED = 1 << 14
STAMPS = frozenset({"00120062", "00120063", "00120064", "00280303"})
CODES = frozenset({"00080100", "00080102", "00080104", "00080119", "00080120"})
"""Code Value, Coding Scheme Designator, Code Meaning, Long and URN Code Value (PS3.3 8.8)."""

_REMOVE, _EMPTY, _DUMMY = Action(remove), Action(empty), Action(dummy)
_TEXTS = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_DATES = frozenset({"DA", "DT"})
_NUMBERS = frozenset({"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV", "AT"})
_WORDS = frozenset({"OD", "OF", "OL", "OV", "OW"})
_SAFE_BYTES = frozenset({"00020001", "00282000", "5400100A", "54001010"})
"""Attributes of VR OB that hold no document: version of the meta information, ICC profile and
waveforms."""
_FILE_META = frozenset({"00020001", "00020002", "00020003", "00020010"})
_TECHNICAL = frozenset(
    {"00080070", "00081090", "00080103", "00080112", "00180024", "00180031", "00180085"}
    | {"00181020", "00181160", "00181250", "00181251", "00185020", "00189005"}
    | {"00189320", "00281054", "00283004", "00480106", "00541101", "00541103"}
    | {"00541105", "00420012"}
)
"""Texts about device and technique, such as Manufacturer."""
_TYPED = frozenset({"00180015", "00700002", "00700080"})
"""Code strings that somebody types: Body Part Examined, Graphic Layer, Content Label."""
_CLOSED: dict[str, Set[str]] = {
    "00080060": MODALITIES,
    "00100040": SEXES.keys(),
    "00185100": PATIENT_POSITIONS,
    "00185101": VIEWS,
    "00200060": LATERALITIES,
    "00200062": LATERALITIES,
    **dict.fromkeys(("00280300", "00280301", "00280302", "00281300"), YES_NO.keys()),
}
"""Code strings of which the standard lists all values."""
_EACH = dict.fromkeys(("00080008", "00089007"), is_image_type)
"""Code strings of which terms are listed that makers add: Image Type and Frame Type."""
_NAMES = {"00181210": is_kernel, "00209056": is_stack_name}
"""Texts that are names of a known kind: Convolution Kernel and Stack ID."""
_OFFSET = "00080201"
_FIXED: dict[str, Action] = {
    **dict.fromkeys(STAMPS, _REMOVE),
    **{tag: Action(keep, Mark.CODE) for tag in CODES},
    PATIENT_ID: Action(empty),
    "00080005": Action(keep_code_string),
}
"""Attributes that no option has a say in; the id at the top of a data set is marked."""


class Rules:
    """The actions of one policy, looked up per tag, VR and creator, and remembered."""

    def __init__(self, policy: Policy) -> None:
        from pydicom._dicom_dict import DicomDictionary

        self.policy = policy
        self._known = DicomDictionary
        self._table = attributes()
        self._types = attribute_types()
        self._options = _applied(policy)
        self.find = lru_cache(_REMEMBERED)(self._find)
        self.may_keep_private = lru_cache(_REMEMBERED)(self._may_keep_private)

    def _find(self, tag: str, vr: str, creator: str | None) -> Action:
        """The action on an element."""
        if tag in _FIXED:
            return _FIXED[tag]
        if tag[3] in "13579BDF":
            return self._private(tag, vr, creator)
        if tag.startswith("0002"):
            return self._standard(tag, vr) if tag in _FILE_META else _REMOVE
        row = self._table.get(tag)
        if row:
            return self._listed(tag, vr, row)
        if (
            tag.startswith(REMOVED_GROUPS)
            or tag.endswith("0000")
            or int(tag, 16) not in self._known
        ):
            return _REMOVE
        return self._standard(tag, vr)

    def _listed(self, tag: str, vr: str, row: Attribute) -> Action:
        """Of an attribute of Table E.1-1."""
        basic = self._basic(tag, vr, row.basic)
        says = {row.options[name]: name for name in self._options if name in row.options}
        option = says.get("K") or says.get("C")
        if option is None:
            return basic
        if option in ("retain_device", "retain_institution") and "K" in says:
            return Action(keep)
        if vr == "SQ":
            return Action(keep)
        if option == "clean_graphics":
            return basic
        return self._by_value(tag, vr, basic)

    def _basic(self, tag: str, vr: str, code: str) -> Action:
        """The basic profile; of several actions the one that the attribute's Type needs."""
        if tag in TOKEN_KINDS:
            return Action(keep, Mark.TOKEN)
        if code in ("U", "X/Z/U*"):
            return Action(keep) if vr == "SQ" else self._uid() if vr == "UI" else _REMOVE
        if code == "D" and vr == "UI":
            return self._uid()
        if vr == "SQ" and tag in _CLEANED_SEQUENCES:
            return _REMOVE
        if code == "X" or (vr == "SQ" and code == "X/Z"):
            # What an IOD requires, if only empty, stays so that the object is still valid.
            return _EMPTY if self._types.get(tag) == 2 else _REMOVE
        if code in ("Z", "D"):
            return _EMPTY if code == "Z" else _DUMMY
        return self._by_type(tag, code)

    def _by_type(self, tag: str, code: str = "X/Z/D") -> Action:
        needed = self._types.get(tag, 3)
        if needed == 1 and "D" in code:
            return _DUMMY
        if needed <= 2 and "Z" in code:
            return _EMPTY
        if needed <= 2 and "D" in code:
            return _DUMMY
        return _EMPTY if "X" not in code else _REMOVE

    def _standard(self, tag: str, vr: str) -> Action:
        """Of an attribute of the standard that Table E.1-1 does not list."""
        if vr == "SQ":
            return Action(keep)
        if vr == "UI":
            return self._uid()
        return self._by_value(tag, vr, self._by_type(tag))

    def _by_value(self, tag: str, vr: str, basic: Action) -> Action:
        """Kept as far as the VR cannot hold, or the value does not have, what identifies."""
        otherwise = basic.apply
        if tag == _OFFSET:
            return Action(keep_offset)
        if tag in _CLOSED:
            # What the profile would empty has to be there (Type 2), the rest is better absent.
            nothing_left = otherwise if basic is _EMPTY else remove
            return Action(each(_CLOSED[tag].__contains__, nothing_left))
        if tag in _EACH:
            return Action(each(_EACH[tag]))
        if tag in _NAMES:
            accepts = _NAMES[tag]
            return Action(where(lambda texts: all(map(accepts, texts)), otherwise))
        if vr in _TEXTS or tag in _TYPED:
            return Action(self._text(tag, otherwise))
        if vr in _DATES:
            return Action(keep, Mark.DATE) if self.policy.dates == "shift" else self._date(basic)
        kept: dict[str, Function] = {
            "AS": cap_ages,
            "CS": keep_code_string,
            "DS": keep_number,
            "IS": keep_number,
            "TM": keep_time,
        }
        if vr == "TM" and self.policy.dates == "remove":
            return basic
        if vr in kept:
            return Action(kept[vr])
        if vr in _NUMBERS or vr in _WORDS or tag in _SAFE_BYTES:
            return Action(keep)
        return basic

    def _text(self, tag: str, otherwise: Function) -> Function:
        if tag in _TECHNICAL:
            return technical_or(otherwise)
        return terms_or(otherwise) if self.policy.clean_descriptors else otherwise

    def _date(self, basic: Action) -> Action:
        return Action(keep) if self.policy.dates == "keep" else basic

    def _uid(self) -> Action:
        return Action(keep) if self.policy.retain_uids else Action(keep, Mark.UID)

    def _private(self, tag: str, vr: str, creator: str | None) -> Action:
        """Of a private element; its VR is the one of Table E.3.10-1 where the file says none."""
        if vr in ("OB", "UN") or not self._may_keep_private(tag, creator):
            return _REMOVE
        if vr == "SQ":
            return Action(keep)
        if vr == "UI":
            return self._uid()
        return self._by_value(tag, vr, _REMOVE)

    def _may_keep_private(self, tag: str, creator: str | None) -> bool:
        """Whether a private element is one of those that Table E.3.10-1 lists as safe."""
        if not self.policy.retain_safe_private or not creator:
            return False
        return (creator.strip(), tag[:4] + tag[6:]) in safe_private_vrs()


@lru_cache(maxsize=8)
def rules_of(policy: Policy) -> Rules:
    """The rules of a policy, made once per process."""
    return Rules(policy)


_CLEANED_SEQUENCES = frozenset({"0040A730", "00700001", "0040B020"})
"""Trees of content and graphics, which stay only where an option cleans them."""


def _applied(policy: Policy) -> list[str]:
    """The columns of Table E.1-1 that a policy applies, those of its `retain` options first."""
    columns = {
        "retain_uids": policy.retain_uids,
        "retain_device": policy.retain_device_identity,
        "retain_institution": policy.retain_institution_identity,
        "retain_patient": policy.retain_patient_characteristics,
        "retain_dates": policy.dates == "keep",
        "modify_dates": policy.dates == "shift",
        "clean_descriptors": policy.clean_descriptors,
        "clean_structured_content": policy.clean_structured_content,
        "clean_graphics": policy.clean_graphics,
    }
    return [name for name, is_applied in columns.items() if is_applied]
