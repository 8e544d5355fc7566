"""Words of the pages for connections and templates, in English."""

from __future__ import annotations

CONNECTION_WORDS: dict[str, str] = {
    # templates
    "templates.title": "Templates",
    "templates.text": (
        "Choose what comes closest. You are asked for connections and a few values, can test and look around right "
        "there, and change everything on the canvas afterwards."
    ),
    "templates.button": "From a template",
    "templates.use": "Use it",
    "templates.missing": "Not installed: {types}",
    # connections
    "connections.title": "Connections",
    "connections.text": (
        "Made once, used by name in any flow. A password goes into the host's secret store, encrypted; the connection "
        "only names it."
    ),
    "connections.new": "New connection",
    "connections.own": "Brought by flows",
    "connections.own_text": (
        "Each belongs to one flow and travels with its file: its settings are those of the flow, in the editor."
    ),
    "connections.to_editor": "Settings in the editor",
    "connections.brought_by": "Flow",
    "connections.empty.title": "No connections yet",
    "connections.empty.text": (
        "A connection leads to a PLC, a broker, a database or a service. Make one and press Test, before any flow "
        "depends on it. A flow may also bring its own."
    ),
    "connections.test": "Test",
    "connections.testing": "Trying…",
    "connections.edit": "Settings",
    "connections.look": "Look",
    "connections.delete": "Delete",
    "connections.state.up": "Connected",
    "connections.state.down": "Not connected",
    "connections.state.idle": "Not in use",
    "connections.state.unknown": "Unknown",
    "connections.worked": "Tested at {time}: {text}",
    "connections.failed": "Test failed at {time}: {text}",
    "connections.used_by": "Used by",
    "connections.unused": "No flow uses it.",
    "connections.changed": "Changed by {name} at {time}",
    "connections.restarting": "Saved. These flows start anew with it now: {flows}",
    "connections.restarted": "Started anew with the changed connection: {flows}",
}
