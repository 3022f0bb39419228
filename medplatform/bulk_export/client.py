"""Requests to a FHIR server: with an access token, again where an OperationOutcome says so."""

import threading

from medplatform.bulk_export.authorization import TokenSource
from medplatform.bulk_export.credentials import Credentials
from medplatform.bulk_export.outcome import count_issues, is_transient
from medplatform.transfer import client
from medplatform.transfer.client import TRANSIENT
from medplatform.transfer.hosts import Hosts
from medplatform.transfer.reply import Form, Reply
from medplatform.transfer.waiting import Network


class Client(client.Client):
    """Speaks to the FHIR server, its authorization server and its file servers."""

    def __init__(
        self,
        base_url: str,
        hosts: Hosts,
        credentials: Credentials | None,
        network: Network,
        stop: threading.Event,
    ) -> None:
        super().__init__(hosts, network, stop)
        if credentials:
            self.authorization = TokenSource(base_url, credentials, self._ask_openly)

    def is_not_ready(self, reply: Reply) -> bool:
        """Whether the same request may succeed later."""
        return reply.status in TRANSIENT or (reply.status >= 400 and is_transient(reply.body))

    def is_final(self, reply: Reply) -> bool:
        """Whether the server gives reasons that are not passing."""
        return "unreadable" not in count_issues(reply.body) and not is_transient(reply.body)

    def _ask_openly(self, method: str, url: str, *, what: str, form: Form | None = None) -> Reply:
        return self.ask(method, url, what=what, form=form, authorize=False)
