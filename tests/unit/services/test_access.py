"""Deny by default."""

import pytest

from flowhost.errors import ForbiddenError
from flowhost.services.access import LOCAL_USER, Principal, demand


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("viewer", {"flow.read", "run.read"}),
        ("auditor", {"flow.read", "run.read"}),
        ("operator", {"flow.read", "run.read", "flow.operate", "flow.send"}),
        ("engineer", {"flow.read", "run.read", "flow.operate", "flow.send", "flow.edit"}),
        ("nobody knows this one", set()),
        ("", set()),
    ],
)
def test_roles_grant_what_they_should_and_no_more(role, allowed) -> None:
    caller = Principal("anna", frozenset({role}))
    for action in ("flow.read", "run.read", "flow.operate", "flow.send", "flow.edit"):
        if action in allowed:
            demand(caller, action)
        else:
            with pytest.raises(ForbiddenError, match=f"anna may not do this.*'{action}'"):
                demand(caller, action)


def test_unknown_action_is_refused_even_to_the_local_user() -> None:
    with pytest.raises(ForbiddenError):
        demand(LOCAL_USER, "host.burn")  # type: ignore[arg-type]


def test_caller_without_roles_may_nothing() -> None:
    with pytest.raises(ForbiddenError, match="this user"):
        demand(Principal(""), "flow.read")
