"""Many tokens at once are those that are made one by one."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medplatform.privacy import Identity, KeyRing


@pytest.mark.parametrize("version", [1, 12])
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(kind=st.text(max_size=8), values=st.lists(st.text(max_size=90), max_size=5))
def test_tokens_are_the_same_one_by_one(
    tmp_path: Path, version: int, kind: str, values: list[str]
) -> None:
    identity = Identity(KeyRing(bytes(range(32)), version), tmp_path / str(version))
    tokens = identity.tokens(kind, [value.encode() for value in values])
    assert [token.decode() for token in tokens] == [identity.token(kind, v) for v in values]
