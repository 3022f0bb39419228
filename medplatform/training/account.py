"""Which account of which machine this process runs under.

A name that is typed proves nothing; the account is what the operating system knows. It is the same
for all who share one, such as those who work inside one container.
"""

import os
import pwd
import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system on a host."""

    user: str
    host: str

    def __str__(self) -> str:
        return f"{self.user}@{self.host}"

    @classmethod
    def parse(cls, text: str) -> "Account":
        """Read back what `str` gave."""
        user, _, host = text.rpartition("@")
        return cls(user, host)


def current_account() -> Account:
    """The account of this process, from its user id: environment variables cannot change it."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        user = f"uid {os.getuid()}"
    return Account(user, socket.gethostname())
