"""Artifact Registry's stand-in: repositories in front of a real registry, and tokens for it.

A clean-up policy has one kind of criteria: artifact-registry/docs/repositories/cleanup-policy-overview; nothing is ever
old enough here to be removed by one.

The registry takes a token of its own token server, got with the user ``oauth2accesstoken`` and a token for APIs:
cloud.google.com/artifact-registry/docs/docker/authentication. Guessed: that a repository that is not there answers 404
NAME_UNKNOWN to whoever may push.
"""

import base64
import re
import secrets
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from faulty_registry import Fault, Seen, says
from google_identity import Identity
from google_services import Refusal
from registry import Registry

JSON = dict[str, Any]
PUSHES = frozenset({"POST", "PUT", "PATCH"})


@dataclass
class Storage:
    """The repositories there are; what is in them lies in the registry."""

    registry: Registry
    identity: Identity
    url: str = ""
    repositories: dict[str, JSON] = field(default_factory=dict)
    tokens: set[str] = field(default_factory=set)

    def get(self, parent: str, name: str) -> JSON:
        path = f"{parent}/repositories/{name}"
        if path not in self.repositories:
            raise Refusal(404, "NOT_FOUND", f'Requested entity was not found: repository "{path}"')
        return self.repositories[path]

    def create(self, parent: str, name: str, body: JSON) -> JSON:
        path = f"{parent}/repositories/{name}"
        if path in self.repositories:
            raise Refusal(409, "ALREADY_EXISTS", "the repository already exists")
        if body.get("format") != "DOCKER" or not re.fullmatch(r"[a-z][a-z0-9-]{1,62}", name):
            raise Refusal(400, "INVALID_ARGUMENT", "format or name of the repository is not valid")
        self.repositories[path] = {"name": path, **body}
        return {"name": f"{parent}/operations/1", "done": True, "response": self.repositories[path]}

    def patch(self, parent: str, name: str, body: JSON, mask: str) -> JSON:
        """Change the fields of ``mask``; the answer is the repository itself, no operation."""
        there = self.get(parent, name)
        for each in mask.split(","):
            if each not in {"cleanupPolicies", "description", "labels"}:
                raise Refusal(400, "INVALID_ARGUMENT", f"update_mask: {each!r} cannot be changed")
            there[each] = body[each]
        for key, rule in there.get("cleanupPolicies", {}).items():
            if rule.get("id") != key or rule.get("action") not in {"KEEP", "DELETE"}:
                raise Refusal(400, "INVALID_ARGUMENT", f"cleanup_policies: {key!r} is not valid")
            if "condition" in rule and "mostRecentVersions" in rule:
                raise Refusal(400, "INVALID_ARGUMENT", f"cleanup_policies: {key!r} has two criteria")
        return there

    def delete_version(self, named: Mapping[str, str]) -> JSON:
        if not self._remove(named, named["version"]):
            raise Refusal(404, "NOT_FOUND", f"version {named['version']} not found")
        return {"name": f"{named['parent']}/operations/2", "done": True, "response": {}}

    def delete_package(self, named: Mapping[str, str]) -> JSON:
        digests = self.versions(self._path(named))
        if not digests:
            raise Refusal(404, "NOT_FOUND", f"package {named['package']} not found")
        for digest in digests:
            self._remove(named, digest)
        return {"name": f"{named['parent']}/operations/3", "done": True, "response": {}}

    def versions(self, path: str) -> list[str]:
        """Return the digests that a repository of the real registry holds."""
        home = self.registry.folder / "docker/registry/v2/repositories" / path / "_manifests/revisions/sha256"
        return [f"sha256:{each.parent.name}" for each in home.glob("*/link")]

    @staticmethod
    def _path(named: Mapping[str, str]) -> str:
        project = named["parent"].split("/")[1]
        return f"{project}/{named['repository']}/{unquote(named['package'])}"

    def _remove(self, named: Mapping[str, str], digest: str) -> bool:
        url = f"http://{self.registry.host}/v2/{self._path(named)}/manifests/{digest}"
        with suppress(urllib.error.HTTPError):
            urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()
            return True
        return False

    # Who may push

    def give(self, authorization: str, _asked: Sequence[tuple[str, str]]) -> tuple[int, JSON]:
        """Give a token for the registry to whoever has one for APIs."""
        user, _, token = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        if user != "oauth2accesstoken" or not self.identity.knows(token):
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication failed"}]}
        made = secrets.token_hex(16)
        self.tokens.add(made)
        return 200, {"token": made, "expires_in": 3600}

    def gate(self, seen: Seen) -> Fault | None:
        """Let a request to the registry pass, or say why not."""
        if seen.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            realm = f'Bearer realm="{self.url}/v2/token",service="registry.test"'
            return says(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=realm)
        action = "upload" if seen.method in PUSHES else "download"
        if f"artifactregistry.repositories.{action}Artifacts" in self.identity.denied:
            return says(403, "DENIED", f"Permission 'artifactregistry.repositories.{action}Artifacts' denied")
        found = re.match(r"/v2/([^/]+)/([^/]+)/", seen.path)
        known = {(path.split("/")[1], path.rpartition("/")[2]) for path in self.repositories}
        if found and (found[1], found[2]) not in known:
            return says(404, "NAME_UNKNOWN", f"Repository {found[2]} not found")
        return None
