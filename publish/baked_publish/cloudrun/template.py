"""The template: the body that makes a revision of an image, as the Admin API v2 takes it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from baked_core.settings import PROXIES
from baked_publish.cloudrun.options import CloudRunOptions
from baked_publish.cloudrun.roster import ARTIFACT, BUNDLE, OPTIONS, RELEASE
from baked_publish.images.config import PORT

MADE_BY: Final = {"managed-by": "baked-data"}
PROBE_FOR: Final = 240
"""Seconds that the platform waits for a revision, its most: cloud.google.com/run/docs/configuring/healthchecks."""
FRONTS: Final = "1"
"""Google's front end writes who spoke to it into X-Forwarded-For, as the only or the last address."""
EXECUTION: Final = {"gen1": "EXECUTION_ENVIRONMENT_GEN1", "gen2": "EXECUTION_ENVIRONMENT_GEN2"}
JSON = Mapping[str, Any]


def template(
    given: CloudRunOptions, revision: str, image: str, about: Mapping[str, str], environment: Mapping[str, str]
) -> JSON:
    """Return the body of a revision; ``about`` is what it says of itself in its annotations."""
    value: dict[str, Any] = {
        "revision": revision,
        "labels": MADE_BY,
        "annotations": dict(about),
        "scaling": {"minInstanceCount": given.min_instances, "maxInstanceCount": given.max_instances},
        "timeout": f"{given.timeout}s",
        "maxInstanceRequestConcurrency": given.concurrency,
        "containers": [_container(given, image, environment)],
    }
    if given.execution_environment:
        value["executionEnvironment"] = EXECUTION[given.execution_environment]
    if given.service_account:
        value["serviceAccount"] = given.service_account
    if given.vpc_network:
        interface = {"network": given.vpc_network, "subnetwork": given.vpc_subnet}
        value["vpcAccess"] = {
            "egress": "PRIVATE_RANGES_ONLY",
            "networkInterfaces": [{key: part for key, part in interface.items() if part}],
        }
    return value


def about(release: str, bundle: str, artifact: str, options: str) -> dict[str, str]:
    """Return what a revision says of itself; annotations, for a label is too short for a digest."""
    return {RELEASE: release, BUNDLE: bundle, ARTIFACT: artifact, OPTIONS: options}


def _container(given: CloudRunOptions, image: str, environment: Mapping[str, str]) -> JSON:
    variables = [{"name": name, "value": value} for name, value in {PROXIES: FRONTS, **environment}.items()]
    return {
        "image": image,
        "ports": [{"containerPort": PORT}],
        "env": [*variables, *_secrets(given.secret)],
        "resources": {
            "limits": {"cpu": given.cpu, "memory": given.memory},
            "cpuIdle": True,  # left out, the processor would be paid for around the clock
            "startupCpuBoost": True,  # gcloud's default, not the API's
        },
        "startupProbe": {
            "httpGet": {"path": "/-/healthz", "port": PORT},
            "periodSeconds": 2,  # by default it looks every ten seconds, and a publish waits for it
            "timeoutSeconds": 1,  # which must be smaller
            "failureThreshold": PROBE_FOR // 2,
        },
    }


def _secrets(wanted: Sequence[tuple[str, str]]) -> list[JSON]:
    found: list[JSON] = []
    for variable, said in wanted:
        secret, _, version = said.partition(":")
        found.append({"name": variable, "valueSource": {"secretKeyRef": {"secret": secret, "version": version}}})
    return found
