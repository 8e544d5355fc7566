"""What the person at the browser may not do is shown, but cannot be pressed, and says why."""

from __future__ import annotations

from flowhost.services.access import Action, may
from flowhost.ui.caller import caller
from flowhost.ui.tags import Tag
from flowhost.ui.texts import t


def allowed(action: Action) -> bool:
    """Whether a role of the person at the browser grants the action."""
    return may(caller(), action)


def guard(button: Tag, action: Action) -> bool:
    """Disable a button for a person whose roles do not grant the action, with the reason; True if it stays enabled."""
    if allowed(action):
        return True
    button.put("disabled", True).put("title", t(f"rights.{action.replace('.', '_')}"))
    return False
