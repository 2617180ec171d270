"""Access: whether everybody may visit a service, as its policy says it."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from baked_publish.errors import LockedError, TargetError
from baked_publish.vendors.google_run import Conflict, Run

ROLE: Final = "roles/run.invoker"
EVERYBODY: Final = "allUsers"
TRIES: Final = 5


def open_to_all(run: Run, service: str, said: Mapping[str, Any]) -> bool:
    """Tell whether everybody may visit: by the service's own switch, or by its policy."""
    return bool(said.get("invokerIamDisabled")) or _open(run.policy(service))


def allow_all(run: Run, service: str) -> bool:
    """Let everybody visit; tell whether that is new. Raises TargetError, with what to do, if nobody may be let in."""

    def add(policy: Any) -> bool:
        if _open(policy):
            return False
        policy.bindings.add(role=ROLE, members=[EVERYBODY])
        return True

    try:
        return _change(run, service, add)
    except TargetError as exc:
        raise TargetError(
            f"not everybody can be let in: {exc}. If that is an organization's policy (domain restricted sharing), "
            "publish with --no-allow-unauthenticated, or have its administrator make an exception for this project"
        ) from exc


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


def _change(run: Run, service: str, edit: Callable[[Any], bool]) -> bool:
    """Change a policy on what it is now, and again if somebody else changed it meanwhile; tell if it was changed."""
    for _ in range(TRIES):
        policy = run.policy(service)
        if not edit(policy):
            return False
        with suppress(Conflict):
            run.set_policy(service, policy)
            return True
    raise LockedError(f"who may visit {service!r} is changed by others all the time: try again later")
