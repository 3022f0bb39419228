"""DIMSE (PS3.7): receiving with C-STORE, finding with C-FIND, pulling with C-GET or C-MOVE."""

from medplatform.pacs.dimse.listen import Peers
from medplatform.pacs.dimse.node import Node, Peer, Tls
from medplatform.pacs.dimse.pull import pull_images
from medplatform.pacs.dimse.receive import Receiver, Rules

__all__ = ["Node", "Peer", "Peers", "Receiver", "Rules", "Tls", "pull_images"]
