"""Checks a config without its secrets: what can be known before the run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from flowhost.errors import ConfigError
from flowhost.graph.clear_text import looks_secret, report_clear_text
from flowhost.graph.explain import Finding, explain
from flowhost.graph.place import Place, format_place, parse_place
from flowhost.graph.references import Reference, resolve_for_lint
from flowhost.graph.report import Report


def check_config(
    report: Report,
    root: Place,
    config_class: type[Any],
    written: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]],
    environ: Mapping[str, str] | None,
) -> Any | None:
    """Report what is wrong with a config.

    Args:
        report: takes the problems.
        root: place of the config.
        config_class: declared by the node or connection type.
        written: the config, references unresolved.
        functions: that expressions may call.
        environ: environment variables; None where those of the run are not known.

    Returns:
        The validated config, text in the place of unknown values; None where it is wrong or cannot be known.
    """
    report_clear_text(report, root, config_class, written)
    try:
        data, unknown = resolve_for_lint(written, environ or {}, format_place(root))
    except ConfigError as error:
        report.error(parse_place(error.place), "bad-reference", error.message)
        return None
    if environ is not None:
        _report_unset(report, unknown)
    return _validated(report, root, config_class, data, functions, [ref.place[len(root) :] for ref in unknown])


def _validated(
    report: Report,
    root: Place,
    config_class: type[Any],
    data: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]],
    unknown: list[Place],
) -> Any | None:
    try:
        return config_class.model_validate(data, context={"functions": functions})
    except ValidationError as error:
        for finding in explain(error, config_class, data, hide=looks_secret):
            if not _due_to_unknown(finding, unknown):
                place = (*root, *finding.place)
                at_key = finding.code == "unknown-field"
                report.error(place, finding.code, finding.message, at_key=at_key, column=finding.column)
    except Exception as error:  # noqa: BLE001 - plugin code: its fault becomes a problem, lint of the rest goes on
        report.error(
            root, "plugin-fault", f"checking this config failed in the plugin: {type(error).__name__}: {error}"
        )
    return None


def _due_to_unknown(finding: Finding, unknown: list[Place]) -> bool:
    """Whether a finding may be owed to text that stands in for a secret: at its place, or about its owner."""
    return any(
        finding.place[: len(place)] == place
        or (finding.code == "wrong-value" and place[: len(finding.place)] == finding.place)
        for place in unknown
    )


def _report_unset(report: Report, unknown: list[Reference]) -> None:
    for reference in unknown:
        if reference.kind == "env":
            message = f"environment variable {reference.name} is not set here; set it for the run, or write a default"
            report.warning(reference.place, "env-not-set", message)
