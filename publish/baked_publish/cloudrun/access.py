"""Access: whether everybody may visit a service, as its policy says it."""

from collections.abc import Mapping
from typing import Any, Final

from baked_publish.vendors.google_run import Conflict, Run

ROLE: Final = "roles/run.invoker"
EVERYBODY: Final = "allUsers"
TRIES: Final = 5


def open_to_all(run: Run, service: str, said: Mapping[str, Any]) -> bool:
    """Tell whether everybody may visit: by the service's own switch, or by its policy."""
    return bool(said.get("invokerIamDisabled")) or _open(run.policy(service))


def allow_all(run: Run, service: str) -> None:
    """Let everybody visit."""

    def add(policy: Any) -> bool:
        if _open(policy):
            return False
        policy.bindings.add(role=ROLE, members=[EVERYBODY])
        return True

    _change(run, service, add)


def forbid_all(run: Run, service: str) -> None:
    """Let only those visit whom the policy names."""

    def remove(policy: Any) -> bool:
        changed = False
        for each in policy.bindings:
            if each.role == ROLE and EVERYBODY in each.members:
                each.members.remove(EVERYBODY)
                changed = True
        return changed

    _change(run, service, remove)


def _open(policy: Any) -> bool:
    return any(each.role == ROLE and EVERYBODY in each.members for each in policy.bindings)


def _change(run: Run, service: str, edit: Any) -> None:
    """Change a policy on what it is now, and again if somebody else changed it meanwhile."""
    for attempt in range(TRIES):
        policy = run.policy(service)
        if not edit(policy):
            return
        try:
            run.set_policy(service, policy)
        except Conflict:
            if attempt == TRIES - 1:
                raise
        else:
            return
