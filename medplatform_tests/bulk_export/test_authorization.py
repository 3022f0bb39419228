"""SMART Backend Services: who gets a token, and where it goes."""

import json
import logging
import stat
from pathlib import Path
from typing import Any

import jwt
import pytest

from medplatform.bulk_export import (
    AuthorizationFailed,
    Credentials,
    CredentialsError,
    ExportRefused,
    HostNotAllowed,
    create_key,
    public_keys,
)
from medplatform.bulk_export.credentials import SigningKey, load_signing_keys
from medplatform_tests.bulk_export.server import BulkServer, answer, redirect
from medplatform_tests.bulk_export.site import Site, ndjson

PATIENTS = ndjson("Patient", 3)


@pytest.fixture(autouse=True)
def export(server: BulkServer, credentials: Credentials) -> None:
    """An export behind tokens."""
    server.publish(
        {"output": [server.add("Patient-1", PATIENTS), server.add("Patient-2", PATIENTS)]}
    )


def made_key(path: Path, **changes: Any) -> Path:
    """A copy of a key file with other members; None removes one."""
    key = json.loads(path.read_bytes())
    key = {name: value for name, value in {**key, **changes}.items() if value is not None}
    copy = path.with_name("changed.jwk")
    copy.unlink(missing_ok=True)
    copy.touch(mode=0o600)
    copy.write_text(json.dumps(key))
    return copy


@pytest.mark.parametrize("algorithm", ["RS384", "ES384"])
def test_both_algorithms_are_verified_by_the_server(
    server: BulkServer, site: Site, tmp_path: Path, algorithm: Any
) -> None:
    server.register("other", create_key(tmp_path / "key.jwk", algorithm))
    site.fetch(credentials=Credentials(client_id="other", key_file=tmp_path / "key.jwk"))
    (asked,) = server.asked("/auth/token", "POST")
    assert jwt.get_unverified_header(asked.form["client_assertion"])["alg"] == algorithm
    assert asked.form["scope"] == "system/*.read"
    assert server.refusals == []


def test_the_key_fits_what_the_server_takes(server: BulkServer, site: Site, tmp_path: Path) -> None:
    """Of a JWKS, the first key with an algorithm that the server lists."""
    keys = []
    for algorithm in ("ES384", "RS384"):
        create_key(tmp_path / algorithm, algorithm)
        keys.append(json.loads((tmp_path / algorithm).read_bytes()))
    jwks = tmp_path / "both.jwks"
    jwks.touch(mode=0o600)
    jwks.write_text(json.dumps({"keys": keys}))
    server.register("both", public_keys(jwks))
    server.algorithms = ["RS384"]
    site.fetch(credentials=Credentials(client_id="both", key_file=jwks))
    (asked,) = server.asked("/auth/token", "POST")
    assert jwt.get_unverified_header(asked.form["client_assertion"])["alg"] == "RS384"


def test_a_key_of_no_kind_that_the_server_takes_is_said(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.algorithms = ["RS384"]
    with pytest.raises(CredentialsError, match="Register a key of another kind"):
        site.fetch(credentials=credentials)


def test_the_token_goes_with_every_request_that_needs_it(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    site.fetch(credentials=credentials)
    tokens = {seen.path: seen.token for seen in server.seen}
    for path in ("/fhir/$export", "/status/0", "/files/Patient-1", "/files/Patient-2"):
        assert (tokens[path] or "").startswith("Bearer "), path
    assert tokens["/auth/token"] is None
    assert tokens["/fhir/metadata"] is None


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "https://elsewhere.example.org/token"}, "InvalidAudienceError"),
        ({"exp": 10**11}, "expires too late"),
        ({"exp": 1}, "ExpiredSignatureError"),
        ({"sub": "somebody"}, "InvalidSubjectError|subject"),
        ({"jti": None}, "MissingRequiredClaimError"),
    ],
)
def test_the_fixture_refuses_wrong_claims(
    server: BulkServer,
    site: Site,
    credentials: Credentials,
    monkeypatch: pytest.MonkeyPatch,
    claims: dict,
    reason: str,
) -> None:
    """What shows that the assertions of the other tests are right."""
    encode = jwt.encode

    def forged(payload: dict, *arguments: Any, **options: Any) -> str:
        changed = {n: v for n, v in {**payload, **claims}.items() if v is not None}
        return encode(changed, *arguments, **options)

    monkeypatch.setattr(jwt, "encode", forged)
    with pytest.raises(AuthorizationFailed, match="answered 400 \\(invalid_client\\)") as raised:
        site.fetch(credentials=credentials)
    assert server.refusals
    assert any(part in server.refusals[0] for part in reason.split("|"))
    assert "secret words" not in str(raised.value)


def test_the_fixture_refuses_other_algorithms_and_keys(
    server: BulkServer, site: Site, tmp_path: Path, key_file: Path
) -> None:
    create_key(tmp_path / "stranger.jwk", "ES384")
    stranger = made_key(tmp_path / "stranger.jwk", kid=json.loads(key_file.read_bytes())["kid"])
    with pytest.raises(AuthorizationFailed):
        site.fetch(credentials=Credentials(client_id="platform", key_file=stranger))
    assert "InvalidSignatureError" in server.refusals[-1]
    wrong = load_signing_keys(key_file)[0]
    secret = jwt.encode({"iss": "platform"}, "k" * 64, "HS384", headers={"kid": wrong.kid})
    form = {
        "grant_type": "client_credentials",
        "scope": "x",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": secret,
    }
    with pytest.raises(ValueError, match="algorithm"):
        server.grant(form)


def test_an_assertion_is_used_once_and_short_lived(key_file: Path) -> None:
    (key,) = load_signing_keys(key_file)
    claims = [
        jwt.decode(key.sign("platform", "aud"), options={"verify_signature": False})
        for _ in range(2)
    ]
    assert claims[0]["jti"] != claims[1]["jti"]
    assert 0 < claims[0]["exp"] - claims[0]["iat"] <= 300
    assert claims[0]["iss"] == claims[0]["sub"] == "platform"


def test_the_token_endpoint_is_asked_again_with_a_new_assertion(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.fail("/auth/token", answer(503), answer(429, {"Retry-After": "0"}))
    site.fetch(credentials=credentials)
    asked = server.asked("/auth/token", "POST")
    assert len({seen.form["client_assertion"] for seen in asked}) == 3


def test_a_token_is_renewed_before_it_expires(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.token_lifetime = 0.02
    server.waits = 8
    site.fetch(credentials=credentials)
    assert len(server.asked("/auth/token", "POST")) > 1
    assert not [seen for seen in server.seen if seen.path == "/status/0" and not seen.token]


@pytest.mark.parametrize("path", ["/fhir/$export", "/status/0", "/files/Patient-1"])
def test_a_token_that_the_server_forgot_is_replaced(
    server: BulkServer, site: Site, credentials: Credentials, path: str
) -> None:
    def forget(handler: Any) -> None:
        server.expire_tokens()
        handler.send_outcome(401, "login")

    server.fail(path, forget)
    assert site.fetch(credentials=credentials).resources == {"Patient": 6}
    assert len(server.asked("/auth/token", "POST")) == 2
    assert len(server.jobs) == 1


def test_a_token_that_is_never_taken_ends_the_export(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.fail("/files/Patient-1", *[answer(401)] * 9)
    with pytest.raises(AuthorizationFailed, match="does not take its own new token"):
        site.fetch(credentials=credentials)
    assert site.unfinished == ["first"]


def test_a_configured_token_url_needs_no_discovery(
    server: BulkServer, site: Site, key_file: Path
) -> None:
    credentials = Credentials(
        client_id="platform",
        key_file=key_file,
        scope="system/Patient.rs",
        token_url=server.token_url,
    )
    site.fetch(credentials=credentials)
    assert server.asked("/fhir/.well-known/smart-configuration") == []
    assert server.asked("/auth/token", "POST")[0].form["scope"] == "system/Patient.rs"


def test_without_discovery_the_remedy_is_named(
    server: BulkServer, site: Site, credentials: Credentials
) -> None:
    server.fail("/fhir/.well-known/smart-configuration", answer(404))
    with pytest.raises(AuthorizationFailed, match="Configure the token URL"):
        site.fetch(credentials=credentials)


def test_the_assertion_is_sent_to_configured_hosts_only(
    server: BulkServer, other: BulkServer, site: Site, key_file: Path
) -> None:
    elsewhere = Credentials(client_id="platform", key_file=key_file, token_url=other.token_url)
    with pytest.raises(HostNotAllowed, match="token endpoint"):
        site.fetch(credentials=elsewhere)
    server.fail("/auth/token", redirect(other.token_url, 307))
    with pytest.raises(AuthorizationFailed, match="307"):
        site.fetch(
            credentials=Credentials(client_id="platform", key_file=key_file),
            allowed_hosts=[other.authority],
        )
    assert other.seen == []


def test_a_server_that_wants_a_token_says_so(site: Site) -> None:
    with pytest.raises(ExportRefused, match="--client-id"):
        site.fetch()


def test_neither_token_nor_key_nor_addresses_of_files_are_logged_or_kept(
    server: BulkServer,
    site: Site,
    credentials: Credentials,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.pages[0]["output"][0]["url"] += "?signature=capability"
    server.fail("/files/Patient-2", *[answer(404)] * 2)
    with pytest.raises(Exception, match="404") as raised:
        site.fetch(credentials=credentials)
    state = (site.landing / ".exports" / "first" / "state.json").read_text()
    secret = json.loads(credentials.key_file.read_bytes())["d"]
    (token,) = server.tokens
    shown = " ".join([caplog.text, *site.said, str(raised.value), repr(credentials)])
    for hidden in (token, secret, "capability", "client_assertion"):
        assert hidden not in shown
    assert token not in state
    assert secret not in state


def test_a_made_key_is_private_and_its_public_half_is_not(tmp_path: Path) -> None:
    public = create_key(tmp_path / "keys" / "key.jwk", "RS384")
    path = tmp_path / "keys" / "key.jwk"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public == public_keys(path)
    assert set(public["keys"][0]) == {"kty", "kid", "alg", "use", "key_ops", "n", "e"}
    with pytest.raises(CredentialsError, match="not overwritten"):
        create_key(path)


def test_a_signing_key_does_not_show_itself(key_file: Path) -> None:
    (key,) = load_signing_keys(key_file)
    assert isinstance(key, SigningKey)
    assert json.loads(key_file.read_bytes())["d"] not in repr(key)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"d": None}, "no private key"),
        ({"crv": "P-256"}, "no private key"),
        ({"alg": "ES256"}, "no private key"),
        ({"use": "enc"}, "no private key"),
        ({"kid": None}, "no kid"),
        ({"d": "AAAA"}, "damaged"),
    ],
)
def test_unusable_keys_are_refused_without_quoting_them(
    tmp_path: Path, changes: dict, reason: str
) -> None:
    create_key(tmp_path / "key.jwk")
    path = made_key(tmp_path / "key.jwk", **changes)
    secret = json.loads((tmp_path / "key.jwk").read_bytes())["x"]
    with pytest.raises(CredentialsError, match=reason) as raised:
        load_signing_keys(path)
    assert secret not in str(raised.value)
    assert raised.value.__cause__ is None


def test_unusable_key_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.jwk"
    with pytest.raises(CredentialsError, match="cannot be read"):
        load_signing_keys(path)
    path.touch(mode=0o600)
    path.write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(CredentialsError, match="no JSON"):
        load_signing_keys(path)
    path.write_text('{"keys": ["x"]}')
    with pytest.raises(CredentialsError, match="no private key"):
        load_signing_keys(path)
    path.chmod(0o644)
    with pytest.raises(CredentialsError, match="chmod 600"):
        load_signing_keys(path)


def test_a_short_rsa_key_is_refused(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    key = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024), as_dict=True)
    path = tmp_path / "key.jwk"
    path.touch(mode=0o600)
    path.write_text(json.dumps({**key, "kid": "1"}))
    with pytest.raises(CredentialsError, match="1024 bits"):
        load_signing_keys(path)
