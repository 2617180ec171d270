"""A domain of one's own: mapped to the service, with the DNS records that its owner has to set.

Through the Knative-shaped API of version 1: version 2 has no domain mappings.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from baked_publish.deployment import Change
from baked_publish.errors import PublishError, TargetError
from baked_publish.shapes import inner, items
from baked_publish.vendors.google_api import Api, endpoint, found

VERSION: Final = "domains.cloudrun.com/v1"
JSON = Mapping[str, Any]


def map_domain(api: Api, project: str, region: str, service: str, domain: str) -> list[str]:
    """See that ``domain`` leads to ``service``; return a line for each DNS record it needs.

    Raises TargetError if it leads to another service, PreflightError if its owner has not proved that it is theirs.
    """
    url = _mappings(project, region)
    mapping = found(lambda: api.call("GET", f"{url}/{domain}"))
    if mapping is None:
        body = {
            "apiVersion": VERSION,
            "kind": "DomainMapping",
            "metadata": {"name": domain, "namespace": project},
            "spec": {"routeName": service},
        }
        mapping = api.call("POST", url, body)
    leads: Any = inner(mapping, "spec").get("routeName")
    if leads != service:
        raise TargetError(
            f"{domain!r} leads to the service {leads!r}: remove that mapping first, or take another domain"
        )
    records = items(inner(mapping, "status"), "resourceRecords")
    return [f"{each.get('name') or domain} {each.get('type')} {each.get('rrdata')}" for each in records]


def planned(api: Api, project: str, region: str, domain: str | None) -> Iterator[Change]:
    """Yield the mapping that a publish makes."""
    if not domain:
        return
    try:
        there = found(lambda: api.call("GET", f"{_mappings(project, region)}/{domain}"))
    except PublishError:  # what is wrong is told when it is made
        return
    if there is None:
        yield Change("create", f"domain mapping {domain}")


def _mappings(project: str, region: str) -> str:
    return f"{endpoint('run', region)}/apis/{VERSION}/namespaces/{project}/domainmappings"
