"""Schemas that documents are judged by: JSON Schema and W3C XML Schema. The only place that imports their libraries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeAlias

import jsonschema_rs
from lxml import etree

from flowhost.sdk import MessageError

Judge: TypeAlias = Callable[[Any], Sequence[str]]
"""Says what is wrong with a document, the first few things of it; nothing if it is valid. Raises `MessageError`."""

TOLD = 5
"""Faults that are told of one document."""


class SchemaError(Exception):
    """A schema that cannot be used; the text says why."""


def json_judge(schema: Any) -> Judge:
    """Judge by a JSON Schema, of the draft it names (2020-12 without). Raises `SchemaError`.

    References lead only within the schema, and patterns are matched in linear time.
    """
    try:
        validator = jsonschema_rs.validator_for(
            schema, offline=True, validate_formats=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        place = place_of("schema", getattr(error, "instance_path", ()))
        raise SchemaError(f"{place}: {first_line(error)}") from None

    def judge(document: Any) -> Sequence[str]:
        try:
            if validator.is_valid(document):
                return ()
            faults = islice(validator.iter_errors(document), TOLD)
            return [f"{place_of('payload', fault.instance_path)}: {fault.message:.200}" for fault in faults]
        except ValueError as error:
            raise MessageError(f"this is no JSON: {error}") from error

    return judge


def xml_judge(file: Path) -> Judge:
    """Judge by an XML Schema and those it includes, which lie beside it. Raises `SchemaError` and `OSError`."""
    file.stat()
    try:
        schema = etree.XMLSchema(etree.parse(str(file), _parser()))
    except (etree.XMLSyntaxError, etree.XMLSchemaParseError) as error:
        raise SchemaError(first_line(error)) from None

    def judge(document: Any) -> Sequence[str]:
        if not isinstance(document, str | bytes):
            raise MessageError(f"an XML Schema judges the text of a document, not {document!r:.60}")
        try:
            tree = etree.fromstring(document.encode() if isinstance(document, str) else document, _parser())
        except etree.XMLSyntaxError as error:
            return [f"it is no XML: {first_line(error)}"]
        if tree.getroottree().docinfo.doctype:
            return ["it declares a document type, which is refused: entities can be an attack"]
        if schema.validate(tree):
            return ()
        return [f"line {fault.line}: {fault.message:.200}" for fault in islice(_faults(schema), TOLD)]

    return judge


def place_of(root: str, path: Iterable[str | int]) -> str:
    """A place in a document as expressions write it."""
    return root + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def first_line(error: Exception) -> str:
    """What an error says first; the rest repeats the document."""
    return str(error).partition("\n")[0]


def _faults(schema: Any) -> Iterator[Any]:
    yield from schema.error_log


def _parser() -> Any:
    # one a document: a parser keeps what it has read
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
