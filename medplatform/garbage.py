"""When Python looks for garbage, where its own times are bad ones."""

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collected_once() -> Iterator[None]:
    """Look for circles of objects once, at the end, and only among those made within.

    For work that makes many objects at once. Python would look at them again and again while they
    are in use (a quarter of the time that it takes to judge Patients), and at the million others
    that a process may have beside them (a second each time).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect(0)  # without collections in between, all that was made is in the youngest
        if was_enabled:
            gc.enable()


def keep_modules() -> None:
    """Look for no garbage among the objects that there are: they stay as long as the process.

    For after the import of what is large, which leaves next to none. Python would look at its
    hundreds of thousands of objects again whenever a quarter as many new ones are there.
    """
    gc.freeze()
    atexit.register(gc.unfreeze)  # else libraries tell at the end what was not freed
