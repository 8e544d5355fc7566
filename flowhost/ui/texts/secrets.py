"""Words of the secret store, in English: of its forms, and of its part of the connections page."""

from __future__ import annotations

SECRET_FORM_WORDS: dict[str, str] = {
    "secret_type": "Type it here",
    "secret_help": "It is stored encrypted on this host and never shown again.",
    "secret_choose": "Use a stored one …",
    "secret_later": "Name one that is set later …",
    "secret_name": "Name of a secret",
    "secret_bad": "A name begins with a letter, then letters, digits, '_', '.' and '-'.",
    "secret_set": "•••••• secret “{name}”",
    "secret_replace": "Type another value",
    "secret_detach": "Take it out of here; it stays in the store",
    "secret_look": "Show what is typed",
    "secret_held": "Stored when this is saved; a test uses it already.",
    "secret_env": "Set by the environment of the host.",
    "secret_unset": "It has no value on this host yet: type one with the pencil.",
    "secret_restarted": "Started anew with the changed secret: {flows}",
    "secret_title_new": "New secret",
    "secret_title_replace": "Another value for “{name}”",
    "secret_name_help": "As connections and flows name it: a letter, then letters, digits, '_', '.' and '-'.",
}

SECRET_WORDS: dict[str, str] = {
    "secrets.title": "Secrets",
    "secrets.text": "Passwords and keys that connections and flows name. Stored encrypted; no page shows them again.",
    "secrets.new": "New secret",
    "secrets.empty": (
        "None yet. Type a password where a connection or a node asks for it, or store one here and choose it there."
    ),
    "secrets.name": "Name",
    "secrets.where": "Where from",
    "secrets.users": "Used by",
    "secrets.do": "What can be done",
    "secrets.stored": "Stored by {name}, {time}",
    "secrets.environment": "Environment of the host",
    "secrets.shadowed": "Environment of the host; the stored value is not used",
    "secrets.nowhere": "Not set yet",
    "secrets.unused": "Nothing",
    "secrets.replace": "Replace",
    "secrets.enter": "Enter",
    "secrets.delete": "Delete",
    "secrets.replace_of": "Replace the value of {name}",
    "secrets.delete_of": "Delete {name}",
    "secrets.restarted": "Started anew with the changed secret: {flows}",
    "secrets.not_started": "Not started with the changed secret: {flows}",
}
