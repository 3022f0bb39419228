"""The first step, where files are read: all of de-identification that takes no key."""

from bisect import bisect
from collections.abc import Iterable

from medplatform.modalities.imaging.deidentify.actions import Mark
from medplatform.modalities.imaging.deidentify.codes import settle_codes
from medplatform.modalities.imaging.deidentify.policy import Policy
from medplatform.modalities.imaging.deidentify.prepared import Prepared
from medplatform.modalities.imaging.deidentify.private import decode_private
from medplatform.modalities.imaging.deidentify.rules import PATIENT_ID, rules_of
from medplatform.modalities.imaging.deidentify.stamps import BURNED_IN_ANNOTATION, stamps_of
from medplatform.modalities.imaging.flatten import Element

__all__ = ["Prepared", "prepare"]

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
    for element in elements:
        preparing.take(element)
    return preparing.close()


class _Preparing:
    """One data set on its way."""

    def __init__(self, policy: Policy, is_clean_of_text: bool) -> None:
        self._find = rules_of(policy).find
        self._out: list[Element] = []
        self._marks: dict[Mark, list[int]] = {mark: [] for mark in Mark}
        self._creators: dict[str, int] = {}
        """Places of private creators of which no element has been kept, by block."""
        self._skipped: str | None = None
        self._is_clean_of_text = is_clean_of_text
        self._stamps = stamps_of(policy, is_clean_of_text)
        self._stamped = 0
        self._next_stamp = self._stamps[0].tag

    def take(self, element: Element) -> None:
        """Act on an element, unless it stands in a sequence that is gone."""
        path = element.path
        if self._skipped is not None:
            if path.startswith(self._skipped):
                return
            self._skipped = None
        if path >= self._next_stamp:
            self._stamp(path)
        if path == BURNED_IN_ANNOTATION and self._is_clean_of_text:
            return
        tag = path[-8:]
        is_private = tag[3] in "13579BDF"
        if is_private:
            if tag[4:6] == "00" and tag[6] != "0":
                self._creators[path[:-4] + tag[6:]] = len(self._out)
                self._out.append(element)
                return
            element = decode_private(element)
        apply, mark = self._find(tag, element.vr, element.creator)
        if path == PATIENT_ID:
            mark = Mark.PATIENT
        result = apply(element)
        if result is None or (result.vr == "SQ" and result.number == (0,)):
            self._skipped = path + "["
        if result is None:
            return
        if is_private:
            self._creators.pop(path[:-2], None)
        if mark is not None:
            self._marks[mark].append(len(self._out))
        self._out.append(result)

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
