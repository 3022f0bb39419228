"""One installation that fetches images."""

from pathlib import Path
from typing import Any

from medplatform.pacs.dicomweb import Secret, fetch_images
from medplatform.pacs.query import Query
from medplatform.pacs.retrieval import Retrieval
from medplatform.transfer import Network

HASTY = Network(
    timeout_s=5, attempts=4, first_wait_s=0.005, longest_wait_s=0.02, longest_retry_after_s=0.1
)


class Site:
    """Landing, and what was said while fetching."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.landing = root / "landing"
        self.said: list[str] = []

    def secret(self, text: str, user: str | None = None) -> Secret:
        path = self.root / "secret"
        path.write_text(text)
        path.chmod(0o600)
        return Secret(path, user)

    def fetch(self, base_url: str, query: Query | None = None, **options: Any) -> Retrieval:
        return fetch_images(
            query or Query(),
            base_url=base_url,
            landing=self.landing,
            **{"network": HASTY, "notify": self.said.append, **options},
        )

    def folder(self, retrieval: Retrieval) -> Path:
        assert retrieval.delivery
        return self.landing / "imaging" / retrieval.delivery

    @property
    def deliveries(self) -> list[Path]:
        return sorted((self.landing / "imaging").glob("[!.]*"))
