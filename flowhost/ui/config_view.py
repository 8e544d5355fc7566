"""A node's settings as rows for reading. Of a secret only that it is set, or where it comes from."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from flowhost.ui.texts import t

_SECRET_WORDS = re.compile(r"pass(word|wd|phrase)?$|secret|token|api_?key|private_?key|credential", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(?<=://)([^/@\s:]*):[^/@\s]+@")
_LONGEST = 2000


def rows(config: Mapping[str, Any], schema: Mapping[str, Any] | None = None) -> list[tuple[str, str]]:
    """Name and text of each setting written in the flow file; nested ones by path, such as `tags[0].name`.

    Args:
        config: as written, references unresolved.
        schema: JSON schema of the config, which marks secret fields.
    """
    secret = _secret_fields(schema or {})
    return [(name, text) for key, value in config.items() for name, text in _flat(str(key), value, str(key) in secret)]


def _flat(name: str, value: Any, secret: bool) -> Iterator[tuple[str, str]]:
    reference = _reference(value)
    if reference:
        yield name, reference
    elif secret or _SECRET_WORDS.search(name):
        yield name, t("setting.secret") if value not in (None, "") else t("setting.none")
    elif isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner, secret=False)
    elif isinstance(value, list) and any(isinstance(inner, Mapping) for inner in value):
        for index, inner in enumerate(value):
            fields = _flat(name, inner, secret=False)
            lines = [f"{key.removeprefix(name).lstrip('.')}: {text}".removeprefix(": ") for key, text in fields]
            yield f"{name}[{index}]", "\n".join(lines)
    else:
        yield name, _plain(value)


def _reference(value: Any) -> str:
    """Words for `{secret: x}` and `{env: NAME, default: y}`; empty for anything else."""
    if not isinstance(value, Mapping):
        return ""
    if set(value) == {"secret"}:
        return t("setting.secret_ref", name=value["secret"])
    if "env" in value and set(value) <= {"env", "default"}:
        if "default" in value:
            return t("setting.env_ref_default", name=value["env"], default=_plain(value["default"]))
        return t("setting.env_ref", name=value["env"])
    return ""


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return t("setting.on") if value else t("setting.off")
    if value is None or value in ([], {}, ""):
        return t("setting.none")
    if isinstance(value, list):
        text = ", ".join(_plain(inner) for inner in value)
    else:
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = _URL_PASSWORD.sub(r"\1:••••••@", text)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _secret_fields(schema: Mapping[str, Any]) -> set[str]:
    fields = schema.get("properties")
    if not isinstance(fields, Mapping):
        return set()
    return {name for name, field in fields.items() if _is_secret(field)}


def _is_secret(field: Any) -> bool:
    if not isinstance(field, Mapping):
        return False
    if field.get("writeOnly") or field.get("format") == "password":
        return True
    return any(_is_secret(choice) for choice in field.get("anyOf", ()))
