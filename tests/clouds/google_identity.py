"""Who asks Google's stand-in: a service account with a key, its tokens, and what it may do.

The token server is spoken to by google-auth itself, with an assertion that the key signed (RFC 7523, section 2.1; for
identity tokens with ``target_audience``, as developers.google.com/identity/protocols/oauth2/service-account says).
"""

import base64
import json
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import jwt

EMAIL = "publisher@clouds-test.iam.gserviceaccount.com"
PROJECT = "clouds-test"
LIFETIME = 3600


@dataclass
class Identity:
    """The only account there is."""

    lifetime: int = LIFETIME
    """Seconds that a token is good for."""
    revoked: bool = False
    """Whether its key is not accepted any more."""
    denied: set[str] = field(default_factory=set)
    """Permissions that it has not; it has all others."""
    given_elsewhere: set[str] = field(default_factory=set)
    """Permissions that it has for single things, not for the project."""
    access: dict[str, float] = field(default_factory=dict)
    """Tokens for APIs, and when they end."""
    identities: dict[str, str] = field(default_factory=dict)
    """Tokens that tell who asks, and for which audience."""
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048), repr=False)

    def write_key(self, path: Path, token_uri: str) -> None:
        """Write the file that GOOGLE_APPLICATION_CREDENTIALS names."""
        private = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        told = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "1",
            "private_key": private,
            "client_email": EMAIL,
            "client_id": "1",
            "token_uri": token_uri,
        }
        path.write_text(json.dumps(told))
        path.chmod(0o600)

    def give(self, assertion: str) -> tuple[int, dict[str, Any]]:
        """Exchange an assertion for a token."""
        checked: Any = jwt.decode
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        try:
            said = checked(assertion, certs=public.decode())
        except ValueError as exc:
            return 400, {"error": "invalid_grant", "error_description": str(exc)}
        if self.revoked:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        if audience := said.get("target_audience"):
            return 200, {"id_token": self.identity(str(audience))}
        token = "ya29." + secrets.token_hex(16)
        self.access[token] = time.monotonic() + self.lifetime
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": self.lifetime}

    def identity(self, audience: str) -> str:
        """Return a token that tells ``audience`` who asks; signed by nobody, for the stand-in knows what it gave."""
        now = int(time.time())
        claims = {
            "aud": audience,
            "exp": now + LIFETIME,
            "iat": now,
            "email": EMAIL,
            "iss": "https://accounts.google.com",
        }
        parts = ({"alg": "none"}, claims, {"nonce": secrets.token_hex(8)})
        token = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
        self.identities[token] = audience
        return token

    def knows(self, authorization: str) -> bool:
        """Tell whether a header holds a token for APIs that is still good."""
        return self.access.get(authorization.removeprefix("Bearer "), 0.0) > time.monotonic()

    def invokes(self, authorization: str, audience: str) -> bool:
        """Tell whether a header holds a token that lets its holder visit the service ``audience``."""
        given = self.identities.get(authorization.removeprefix("Bearer "))
        return given == audience and "run.routes.invoke" not in self.denied
