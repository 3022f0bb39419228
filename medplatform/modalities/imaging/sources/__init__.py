"""What a delivery of images holds: its files, and the members of its archives, one by one.

`Contents` lists and hands out items; an item is a file of the delivery or a member of an archive,
and its bytes are in a file as long as it is held. `count` counts the same in another way. Not
here: what an item means; the readers know.
"""

from medplatform.modalities.imaging.sources.contents import Contents
from medplatform.modalities.imaging.sources.item import Held, Item, Refused

__all__ = ["Contents", "Held", "Item", "Refused"]
