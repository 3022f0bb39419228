"""Requests to a DICOMweb server."""

from medplatform.transfer import client


class Client(client.Client):
    """Speaks to a DICOMweb server and the hosts that it may redirect to."""

    def refusal(self, what: str) -> str:
        """What to say where the server does not take the password or token."""
        return (
            f"The server does not take the password or token for {what}. Check the user and the "
            f"file, and ask its operator whether they may read."
        )
