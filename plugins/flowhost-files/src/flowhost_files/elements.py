"""XML: elements as objects, one record at a time; entities and document types are refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from flowhost_files.config_read import ReadConfig
from flowhost_files.records import BrokenFile, Record, check_size

DEEPEST = 200
"""Levels of elements; real documents have a dozen."""
TEXT = "#text"


def records_of(config: ReadConfig, file: Path) -> Iterator[Record]:
    """The elements on the way `records`, or the document. Raises `BrokenFile`."""
    way = config.records.split("/") if config.records else []
    if not way:
        check_size(config, file)
    place = 0
    names: list[str] = []
    with file.open("rb") as stream:
        try:
            for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    names.append(local(element.tag))
                    if len(names) > DEEPEST:
                        raise BrokenFile(f"its elements lie in one another more than {DEEPEST} deep")
                    continue
                if names == way or (not way and len(names) == 1):
                    place += 1
                    yield Record(place, value_of(element) if way else {names[0]: value_of(element)})
                # what was read, and what is no part of a record, need not be kept
                if (way and names[: len(way)] != way) or names == way:
                    element.clear()
                names.pop()
        except ParseError as error:
            raise BrokenFile(f"it is no XML: {error}") from error
        except DefusedXmlException as error:
            raise BrokenFile("it declares a document type, which is refused: entities can be an attack") from error
    if way and not place:
        raise BrokenFile(f"there is no element on the way {config.records} (`records`), the outermost one first")


def value_of(element: Element) -> Any:
    """Text of an element that holds nothing else; else an object of attributes (`@name`), children and `#text`.

    Children of one name are a list if there are several.
    """
    found: dict[str, Any] = {f"@{local(name)}": value for name, value in element.attrib.items()}
    for child in element:
        name, value = local(child.tag), value_of(child)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    text = (element.text or "").strip()
    if not found:
        return text
    return found | {TEXT: text} if text else found


def local(name: str) -> str:
    """A name without its namespace."""
    return name.rpartition("}")[2]
