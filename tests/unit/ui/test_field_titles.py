"""Fields are called as their forms call them, however deep they are."""

from __future__ import annotations

from flowhost.ui.field_titles import field_title

KIND = {
    "fields": [
        {"name": "items", "title": "Items", "fields": [{"name": "node", "title": "Node", "fields": []}]},
        {"name": "set", "title": "Set", "fields": []},
    ],
    "delivery": [{"name": "outbox", "title": "Outbox", "fields": []}],
}


def test_a_place_is_called_as_the_form_calls_it() -> None:
    assert field_title(KIND, ("config", "items", 0, "node")) == "Items 1 Node"
    assert field_title(KIND, ("config", "set", "tag")) == "Set tag"
    assert field_title(KIND, ("delivery", "outbox")) == "Outbox"
    assert field_title({}, ("config", "rate_hz")) == "rate_hz"
