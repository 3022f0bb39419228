"""What can go wrong with an export."""


class MedsError(RuntimeError):
    """The export was not written; one that was there before is untouched. Says the remedy."""
