"""Grants: permissions that were given for one thing alone: the repository, the account that serves, a secret."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from baked_publish.errors import NotFoundError, PublishError
from baked_publish.shapes import is_list
from baked_publish.vendors.google_api import Api, endpoint
from baked_publish.vendors.shaped import text


@dataclass(frozen=True, slots=True)
class Grants:
    """Asks the things themselves what may be done with them."""

    api: Api
    things: Mapping[str, Sequence[str]]
    """By the beginning of a permission's name, the addresses of what it may be given for; none if nobody knows them."""

    def of(self, wanted: Collection[str]) -> set[str]:
        """Return those of the permissions ``wanted`` that are given for the things that need them.

        Where nobody can be asked, the step that needs one tells that it is missing.
        """
        found = set[str]()
        for start, urls in self.things.items():
            asked = [each for each in wanted if each.startswith(start)]
            found |= set(asked).intersection(*(self._told(url, asked) for url in urls if asked))
        return found

    def _told(self, url: str, wanted: Collection[str]) -> set[str]:
        try:
            return granted(self.api, url, wanted)
        except NotFoundError:
            return set()
        except PublishError:
            return set(wanted)


def granted(api: Api, url: str, wanted: Collection[str]) -> set[str]:
    """Return those of the permissions ``wanted`` that we have on the thing at ``url``, as it says itself."""
    told = api.call("POST", f"{url}:testIamPermissions", {"permissions": sorted(wanted)}).get("permissions")
    return {str(each) for each in told} if is_list(told) else set()


def account(api: Api, project: str, named: str) -> list[str]:
    """Return the address of the account that a service runs as; none if it is the project's own and nobody tells it."""
    try:
        asked = f"{endpoint('cloudresourcemanager')}/v1/projects/{project}"
        number = "" if named else text(api.call("GET", asked), "projectNumber", "get project")
    except PublishError:
        return []
    email = named or f"{number}-compute@developer.gserviceaccount.com"
    return [f"{endpoint('iam')}/v1/projects/-/serviceAccounts/{email}"]
