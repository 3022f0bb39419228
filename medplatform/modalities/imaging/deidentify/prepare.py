"""The first step, where files are read: all of de-identification that takes no key."""

from bisect import bisect
from collections.abc import Iterable
from functools import lru_cache

from medplatform.modalities.imaging.deidentify.actions import Mark
from medplatform.modalities.imaging.deidentify.codes import settle_codes
from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.deidentify.prepared import Prepared
from medplatform.modalities.imaging.deidentify.private import decode_private
from medplatform.modalities.imaging.deidentify.rules import PATIENT_ID, rules_of
from medplatform.modalities.imaging.deidentify.stamps import BURNED_IN_ANNOTATION, stamps_of
from medplatform.modalities.imaging.flatten import Element, SharedElement

__all__ = ["Prepared", "prepare"]

_TAG_DIGITS = 8
_ODD = "13579BDF"
_MOST_REMEMBERED = 1 << 12
_BEHIND_ALL, _NEVER = "G", "H"  # the digits of tags are hexadecimal


def prepare(
    elements: Iterable[Element], policy: Policy, *, is_clean_of_text: bool = False
) -> Prepared:
    """What is left of a data set under a policy, with marks for `finish`.

    Parameters
    ----------
    elements
        In the order of the data set: sequences before their items.
    is_clean_of_text
        Whether the pixels were cleaned or are known to show no text (see `pixel_treatment`), which
        Burned In Annotation (0028,0301) then says.
    """
    preparing = _Preparing(policy, is_clean_of_text)
    preparing.take(elements)
    return preparing.close()


_Act = tuple[Element, Element | None, Mark | None, bool]
"""An element, what becomes of it, its mark, and whether what stands in it is gone."""


@lru_cache(maxsize=16)
def _acts_of(policy: Policy, is_clean_of_text: bool) -> dict[int, _Act]:
    """By the `id` of a shared element, which stays that of no other as long as the act is here."""
    return {}


class _Preparing:
    """One data set on its way."""

    def __init__(self, policy: Policy, is_clean_of_text: bool) -> None:
        rules = rules_of(policy)
        self._find, self._may_keep = rules.find, rules.may_keep_private
        self._acts = _acts_of(policy, is_clean_of_text)
        self._out: list[Element] = []
        self._marks: dict[Mark, list[int]] = {mark: [] for mark in Mark}
        self._creators: dict[str, int] = {}
        """Places of private creators of which no element has been kept, by block."""
        self._is_clean_of_text = is_clean_of_text
        self._stamps = stamps_of(policy, is_clean_of_text)
        self._stamped = 0
        self._next_stamp = self._stamps[0].tag

    def take(self, elements: Iterable[Element]) -> None:
        """Act on elements, but for those in sequences that are gone."""
        out, acts, skipped = self._out, self._acts, None
        for element in elements:
            path = element[0]
            if path >= self._next_stamp:
                self._stamp(path)
            act = acts.get(id(element))
            if act is None:
                if skipped is not None and path.startswith(skipped):
                    continue
                act = self._act(element)
                skipped = path + "[" if act[3] else None
            _, result, mark, _ = act
            if result is not None:
                if mark is not None:
                    self._marks[mark].append(len(out))
                out.append(result)

    def _act(self, element: Element) -> _Act:
        path = element.path
        if path[-5] in _ODD:
            return self._act_on_private(element)
        if path == BURNED_IN_ANNOTATION and self._is_clean_of_text:
            return element, None, None, False
        act = self._apply(element, element)
        if isinstance(element, SharedElement):
            if len(self._acts) >= _MOST_REMEMBERED:
                self._acts.clear()
            _, result, mark, is_gone = act
            result = None if result is None else SharedElement._make(result)
            act = self._acts[id(element)] = element, result, mark, is_gone
        return act

    def _act_on_private(self, element: Element) -> _Act:
        path = element.path
        if path[-4:-2] == "00" and path[-2] != "0":
            self._creators[path[:-4] + path[-2:]] = len(self._out)
            return element, element, None, False
        if not self._may_keep(path[-_TAG_DIGITS:], element.creator):
            return element, None, None, element.vr == "SQ"
        act = self._apply(element, decode_private(element))
        if act[1] is not None:
            self._creators.pop(path[:-2], None)
        return act

    def _apply(self, element: Element, decoded: Element) -> _Act:
        path, vr, creator, _, _, _ = decoded
        apply, mark = self._find(path[-_TAG_DIGITS:], vr, creator)
        if path == PATIENT_ID:
            mark = Mark.PATIENT
        result = apply(decoded)
        is_gone = vr == "SQ" and (result is None or result.number == (0,))
        return element, result, mark, is_gone

    def close(self) -> Prepared:
        """The prepared data set."""
        self._stamp(_BEHIND_ALL)
        self._drop_creators()
        settle_codes(self._out, self._marks[Mark.CODE])
        return Prepared(
            self._out,
            uids=self._marks[Mark.UID],
            dates=self._marks[Mark.DATE],
            patients=self._marks[Mark.PATIENT],
            tokens=self._marks[Mark.TOKEN],
        )

    def _drop_creators(self) -> None:
        """Take out the creators of empty blocks, which had to keep their places among the tags."""
        gone = sorted(self._creators.values())
        if not gone:
            return
        self._marks = {
            mark: [place - bisect(gone, place) for place in places]
            for mark, places in self._marks.items()
        }
        for place in reversed(gone):
            del self._out[place]

    def _stamp(self, path: str) -> None:
        """Put in the stamps whose place is before an element."""
        while path >= self._next_stamp:
            self._out += self._stamps[self._stamped].elements
            self._stamped += 1
            is_last = self._stamped == len(self._stamps)
            self._next_stamp = _NEVER if is_last else self._stamps[self._stamped].tag
