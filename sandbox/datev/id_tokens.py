"""Signed id tokens (RS256), so that a client may verify them by the published key. It is made on first use."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256


class SigningKey:
    """One RSA key of the identity provider."""

    key_id = "sandbox-1"

    def signed(self, claims: dict[str, Any]) -> str:
        """The claims as a compact JWS."""
        head = {"alg": "RS256", "typ": "JWT", "kid": self.key_id}
        text = f"{_encoded(orjson.dumps(head))}.{_encoded(orjson.dumps(claims))}"
        signature = _private_key().sign(text.encode(), padding.PKCS1v15(), SHA256())
        return f"{text}.{_encoded(signature)}"

    def public_jwk(self) -> dict[str, str]:
        numbers = _private_key().public_key().public_numbers()
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": self.key_id,
            "n": _encoded(_bytes(numbers.n)),
            "e": _encoded(_bytes(numbers.e)),
        }


@cache
def _private_key() -> rsa.RSAPrivateKey:
    # One for the whole process: making it takes longer than everything else in a login.
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _bytes(number: int) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
