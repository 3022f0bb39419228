"""Access tokens: SMART Backend Services, the OAuth 2.0 client-credentials grant.

HL7 SMART App Launch 2.2, "Backend Services"; RFC 6749 section 4.4 and RFC 7523.
"""

import json
import threading
import time
from typing import Any, Protocol

from medplatform.bulk_export.credentials import Credentials, choose_key, load_signing_keys
from medplatform.transfer.errors import AuthorizationFailed
from medplatform.transfer.reply import Form, Reply

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
# RFC 6749, 5.2, and what RFC 7521 adds. Any other text of the server is not repeated.
_REASONS = frozenset(
    (
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    )
)
# RFC 6749 only recommends `expires_in`; SMART allows no more than five minutes.
_DEFAULT_LIFETIME_S = 300.0
_RENEW_BEFORE_S = 20.0


class Ask(Protocol):
    """Sends a request without a token, again where the server is not ready."""

    def __call__(self, method: str, url: str, *, what: str, form: Form | None = None) -> Reply: ...


class TokenSource:
    """Keeps one valid access token for all threads of an export."""

    def __init__(self, base_url: str, credentials: Credentials, ask: Ask) -> None:
        self._base_url = base_url
        self._credentials = credentials
        self._ask = ask
        self._keys = load_signing_keys(credentials.key_file)
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0
        self._endpoint: tuple[str, list[str]] | None = None

    def current(self) -> str:
        """The header with a token that is valid for a while.

        Raises
        ------
        AuthorizationFailed
            The authorization server gives none.
        """
        with self._lock:
            if time.monotonic() >= self._renew_at:
                self._renew()
            return f"Bearer {self._token}"

    def replace(self, refused: str) -> str:
        """The header with another token than the one that was refused."""
        with self._lock:
            if f"Bearer {self._token}" == refused:  # no other thread was faster
                self._renew()
            return f"Bearer {self._token}"

    def _renew(self) -> None:
        url, algorithms = self._discover()
        key = choose_key(self._keys, algorithms)

        def form() -> dict[str, str]:
            # Made for each attempt: a server takes an assertion once.
            return {
                "grant_type": "client_credentials",
                "scope": self._credentials.scope,
                "client_assertion_type": _ASSERTION_TYPE,
                "client_assertion": key.sign(self._credentials.client_id, url),
            }

        asked_at = time.monotonic()
        reply = self._ask("POST", url, what="the token endpoint", form=form)
        answer = _json_object(reply.body)
        token = answer.get("access_token")
        if reply.status != 200 or not isinstance(token, str) or not token.isascii():
            raise AuthorizationFailed(_why_refused(reply, answer))
        lifetime = answer.get("expires_in")
        seconds = float(lifetime) if isinstance(lifetime, int | float) else _DEFAULT_LIFETIME_S
        self._token = token
        self._renew_at = asked_at + max(seconds - _RENEW_BEFORE_S, seconds / 2)

    def _discover(self) -> tuple[str, list[str]]:
        """The token endpoint, and the algorithms of assertions that it takes, where it says."""
        if self._credentials.token_url:
            return self._credentials.token_url, []
        if self._endpoint is None:
            url = f"{self._base_url}/.well-known/smart-configuration"
            reply = self._ask("GET", url, what="its SMART configuration")
            answer = _json_object(reply.body)
            endpoint = answer.get("token_endpoint")
            if reply.status != 200 or not isinstance(endpoint, str):
                raise AuthorizationFailed(
                    f"The server does not say where it gives tokens: "
                    f".well-known/smart-configuration was answered with {reply.status} and no "
                    f"token_endpoint. Configure the token URL."
                )
            algorithms = answer.get("token_endpoint_auth_signing_alg_values_supported")
            self._endpoint = endpoint, algorithms if isinstance(algorithms, list) else []
        return self._endpoint


def _why_refused(reply: Reply, answer: dict[str, Any]) -> str:
    reason = answer.get("error")
    named = f" ({reason})" if isinstance(reason, str) and reason in _REASONS else ""
    remedy = {
        "invalid_scope": "Ask for a scope that was granted at registration.",
        "invalid_client": "Check the client id, and that the public key with this kid is "
        "registered.",
    }.get(str(reason), "Check client id, registered key, scope, and the clock of this machine.")
    return f"The authorization server gave no token: it answered {reply.status}{named}. {remedy}"


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
