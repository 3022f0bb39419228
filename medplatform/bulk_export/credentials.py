"""The client's private key, and the assertions signed with it.

HL7 SMART App Launch 2.2, "Client Authentication: Asymmetric (public key)" and "Backend Services":
a one-time JSON Web Token, signed with RS384 or ES384 by a key that is registered with the server.
"""

import json
import os
import stat
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from medplatform.bulk_export.errors import CredentialsError

Algorithm = Literal["RS384", "ES384"]

# The most allowed is five minutes, by the clock of the server.
ASSERTION_LIFETIME = timedelta(minutes=4)
_LEAST_RSA_BITS = 2048
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """How this installation is known to an authorization server.

    Parameters
    ----------
    client_id
        What the server calls this client since its registration.
    key_file
        Private key as JWK, or several as JWKS, each with `kid`; mode 0600.
    scope
        What access is asked for.
    token_url
        The token endpoint. Default: what the FHIR server's `.well-known/smart-configuration` says.
    """

    client_id: str
    key_file: Path
    scope: str = "system/*.read"
    token_url: str | None = None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One private key. It does not show itself."""

    kid: str
    algorithm: Algorithm
    _jwk: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm})"

    def sign(self, client_id: str, audience: str) -> str:
        """A one-time assertion for a token endpoint, as compact JWT."""
        import jwt

        now = datetime.now(UTC)
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": audience,
            "iat": now,
            "exp": now + ASSERTION_LIFETIME,
            "jti": uuid.uuid4().hex,
        }
        key = jwt.PyJWK(dict(self._jwk), self.algorithm).key
        return jwt.encode(claims, key, self.algorithm, headers={"kid": self.kid})


def load_signing_keys(path: Path) -> list[SigningKey]:
    """The usable private keys of a JWK or JWKS file, in its order.

    Raises
    ------
    CredentialsError
        The file is missing, readable by others, or holds no such key. No part of it is quoted.
    """
    keys = []
    for member in _members(path):
        algorithm = _algorithm_of(member)
        if algorithm and "d" in member and member.get("use", "sig") == "sig":
            keys.append(SigningKey(str(member.get("kid", "")), algorithm, member))
    if not keys:
        raise CredentialsError(
            f"{path} holds no private key for RS384 (RSA) or ES384 (EC, curve P-384). Give the "
            f"private key, not the public one that the server has."
        )
    for key in keys:
        _demand_usable(path, key)
    return keys


def choose_key(keys: list[SigningKey], supported: Collection[str]) -> SigningKey:
    """The first key whose algorithm the server takes; the first one if it does not say.

    Raises
    ------
    CredentialsError
        It takes none of them.
    """
    for key in keys:
        if not supported or key.algorithm in supported:
            return key
    raise CredentialsError(
        f"The authorization server takes none of the algorithms of the key file "
        f"({', '.join(sorted({key.algorithm for key in keys}))}). Register a key of another kind."
    )


def create_key(path: Path, algorithm: Algorithm = "ES384") -> dict[str, Any]:
    """Make a private key (JWK, mode 0600), never over another file.

    Returns
    -------
    dict
        The public JWKS, which is to be registered with the server.

    Raises
    ------
    CredentialsError
        There is a file at that path already.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm

    if algorithm == "ES384":
        jwk = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP384R1()), as_dict=True)
    else:
        jwk = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 3072), as_dict=True)
    jwk |= {"kid": uuid.uuid4().hex, "alg": algorithm, "use": "sig", "key_ops": ["sign"]}
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CredentialsError(f"{path} exists already and is not overwritten.") from None
    with os.fdopen(handle, "w") as stream:
        json.dump(jwk, stream)
    return public_keys(path)


def public_keys(path: Path) -> dict[str, Any]:
    """The JWKS to register with a server: the keys of a file without their private members.

    Raises
    ------
    CredentialsError
        The file holds no usable private key.
    """
    keys = []
    for key in load_signing_keys(path):
        public = {name: value for name, value in key._jwk.items() if name not in _PRIVATE_MEMBERS}
        keys.append({**public, "alg": key.algorithm, "use": "sig", "key_ops": ["verify"]})
    return {"keys": keys}


def _members(path: Path) -> list[dict[str, Any]]:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        content = path.read_bytes()
    except OSError as error:
        raise CredentialsError(
            f"The private key {path} cannot be read: {error.strerror}. Name the file that holds it."
        ) from None
    if mode & 0o077:
        raise CredentialsError(
            f"{path} can be read by others (mode {mode:04o}). Run: chmod 600 {path}"
        )
    try:
        document = json.loads(content)
    except ValueError:
        raise CredentialsError(
            f"{path} is no JSON. A private key is given as JWK or JWKS; PEM is not read."
        ) from None
    members = document.get("keys", [document]) if isinstance(document, dict) else []
    return [member for member in members if isinstance(member, dict)]


def _algorithm_of(jwk: Mapping[str, Any]) -> Algorithm | None:
    by_type: Algorithm | None = None
    if jwk.get("kty") == "RSA":
        by_type = "RS384"
    elif jwk.get("kty") == "EC" and jwk.get("crv") == "P-384":
        by_type = "ES384"
    return by_type if jwk.get("alg", by_type) == by_type else None


def _demand_usable(path: Path, key: SigningKey) -> None:
    import jwt

    if not key.kid:
        raise CredentialsError(
            f"A private key in {path} has no kid. Add the one under which it is registered."
        )
    try:
        # What PyJWT raises may quote the key.
        private = jwt.PyJWK(dict(key._jwk), key.algorithm).key
    except jwt.PyJWTError:
        raise CredentialsError(
            f"A private key in {path} is damaged. Restore the file from your copy."
        ) from None
    if private.key_size < _LEAST_RSA_BITS and key.algorithm == "RS384":
        raise CredentialsError(
            f"An RSA key in {path} has {private.key_size} bits, fewer than {_LEAST_RSA_BITS}. "
            f"Make a new one and register it."
        )
