"""Garbage is looked for once, after the work, and not among what was there before."""

import gc
import weakref

import pytest

from medplatform.garbage import collected_once, keep_modules


class _Knot:
    def __init__(self) -> None:
        self.itself = self


def test_circles_made_within_are_freed_at_the_end() -> None:
    with collected_once():
        freed = weakref.ref(_Knot())
        assert not gc.isenabled()
        assert freed() is not None
    assert freed() is None
    assert gc.isenabled()


def test_an_error_leaves_the_collector_as_it_was() -> None:
    with pytest.raises(ValueError, match="bad"), collected_once():
        raise ValueError("bad")
    assert gc.isenabled()


def test_within_another_the_collector_stays_off() -> None:
    with collected_once():
        with collected_once():
            pass
        assert not gc.isenabled()


def test_older_objects_are_not_looked_at() -> None:
    older = _Knot()
    gone = weakref.ref(older)
    gc.collect(1)  # it is of the oldest generation now
    del older
    with collected_once():
        pass
    assert gone() is not None
    gc.collect()
    assert gone() is None


def test_what_modules_hold_is_looked_at_no_more_and_let_go_at_the_end() -> None:
    older = _Knot()
    gone = weakref.ref(older)
    before = gc.get_freeze_count()
    keep_modules()
    try:
        assert gc.get_freeze_count() > before
        del older
        gc.collect()
        assert gone() is not None
    finally:
        gc.unfreeze()
    gc.collect()
    assert gone() is None
