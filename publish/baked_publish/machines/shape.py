"""The shape: what a machine is made of, in the one body with which it is made: services, checks and limits together."""

from collections.abc import Mapping
from typing import Any, Final

from baked_core.settings import PROXIES
from baked_publish.images.config import PORT
from baked_publish.machines.record import INDEX, LAUNCH, RECORD, Record

STOP_WITHIN: Final = 10
"""Seconds that a server gets to end what is under way; the app itself needs less."""
FRONTS: Final = "2"
"""The last address in X-Forwarded-For is the app's own, the one before it the visitor's:
fly.io/docs/networking/request-headers."""
RETRIES: Final = 10
"""Starts of a server that crashes, before its machine stays stopped: flyctl's own number."""
JSON = dict[str, Any]


def body(name: str, image: str, record: Record, launch: str, index: int, private: Mapping[str, str]) -> JSON:
    """Return what a machine is made with, outside of the load balancer.

    ``private`` is in its environment, and nowhere else: its token, and plugins' secrets.
    """
    options, regions = record.options, list(record.options["region"])
    region = regions[index // int(options["machines"])]
    return {
        "name": name,
        "region": region,
        "skip_service_registration": True,
        "config": {
            "image": image,
            "env": {PROXIES: FRONTS, **private, "PRIMARY_REGION": regions[0]},
            "guest": {"cpu_kind": options["cpu_kind"], "cpus": options["cpus"], "memory_mb": options["memory"]},
            "services": [service(options)],
            "restart": {"policy": "on-failure", "max_retries": RETRIES},
            "stop_config": {"signal": "SIGTERM", "timeout": f"{STOP_WITHIN}s"},
            "metadata": {
                "fly_platform_version": "v2",
                "fly_process_group": "app",
                "fly_release_version": record.revision,
                RECORD: record.to_text(),
                LAUNCH: launch,
                INDEX: str(index),
            },
        },
    }


def service(options: Mapping[str, Any]) -> JSON:
    """Return how visitors reach it."""
    concurrency: JSON = {"type": "requests", "soft_limit": options["soft_limit"]}
    if options["hard_limit"]:
        concurrency["hard_limit"] = options["hard_limit"]
    return {
        "protocol": "tcp",
        "internal_port": PORT,
        "autostop": options["autostop"],
        "autostart": True,
        "min_machines_running": options["min_machines"],
        "ports": [
            {"port": 80, "handlers": ["http"], "force_https": True},
            {"port": 443, "handlers": ["tls", "http"]},
        ],
        "concurrency": concurrency,
        "checks": [
            {
                "type": "http",
                "port": PORT,
                "method": "get",
                "path": "/-/healthz",
                "interval": "5s",
                "timeout": "2s",
                "grace_period": "2s",
            }
        ],
    }


def count(options: Mapping[str, Any]) -> int:
    """Return how many machines a deployment has."""
    return len(options["region"]) * int(options["machines"])
