"""validate: JSON Schema and XML Schema, what they refuse in words, and schemas that cannot be used."""

from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

import pytest

from flowhost.errors import ConfigError
from flowhost.nodes.transform_validate import ValidateConfig, judge_of
from flowhost.sdk import MessageError, PermanentError

SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {"type": "string"},
        "qty": {"type": "number", "minimum": 0},
        "due": {"type": "string", "format": "date-time"},
        "lines": {"type": "array", "items": {"type": "integer"}},
    },
}
XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:include schemaLocation="types.xsd"/>
<xs:element name="order"><xs:complexType><xs:sequence><xs:element name="qty" type="quantity"/></xs:sequence>
</xs:complexType></xs:element></xs:schema>"""
TYPES = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:simpleType name="quantity">
<xs:restriction base="xs:decimal"><xs:minInclusive value="0"/></xs:restriction></xs:simpleType></xs:schema>"""


async def test_what_the_schema_allows_goes_on_as_it_is(bench, msg) -> None:
    node = await bench("validate", json_schema=SCHEMA)
    good = {"order": "7", "qty": Decimal("1.50"), "due": "2026-11-01T10:00:00Z", "lines": [1]}
    assert await node.give(msg(good), msg({"order": "8"})) == [good, {"order": "8"}]


async def test_what_it_does_not_allow_fails_with_place_and_reason(bench, msg) -> None:
    node = await bench("validate", json_schema=SCHEMA)
    await node.give(msg({"order": 7, "qty": -1, "lines": [1, "x"]}), msg([1]), msg({"order": "7", "due": "soon"}))
    assert [set(error.split("; ")) for error in node.errors] == [
        {
            'payload.order: 7 is not of type "string"',
            "payload.qty: -1 is less than the minimum of 0",
            'payload.lines[1]: "x" is not of type "integer"',
        },
        {'payload: [1] is not of type "object"'},
        {'payload.due: "soon" is not a "date-time"'},
    ]


async def test_a_part_of_the_payload_is_judged_and_bytes_are_no_json(bench, msg) -> None:
    node = await bench("validate", json_schema={"type": "integer"}, value="payload.n")
    assert await node.give(msg({"n": 1}), msg({"n": b"1"}), msg({"n": 1.5})) == [{"n": 1}]
    assert node.errors[0] == "this is no JSON: Unsupported type: 'bytes'"
    assert node.errors[1] == 'payload: 1.5 is not of type "integer"'


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({}, "write a schema in `json_schema` or name its file in `schema_file`"),
        ({"json_schema": SCHEMA, "schema_file": "a.json"}, "one of the two"),
        (
            {"json_schema": {"type": "nonsense"}},
            '`json_schema` is no JSON Schema: schema.type: "nonsense" is not valid',
        ),
        ({"json_schema": {"$ref": "http://127.0.0.1:9/x.json"}}, "`json_schema` is no JSON Schema: "),
        ({"schema_file": "../a.json"}, "write a path below the data folder"),
        ({"schema_file": "a.txt"}, "a schema is a file that ends with .json"),
    ],
)
async def test_settings_that_cannot_be(bench, config, reason) -> None:
    with pytest.raises(ConfigError) as caught:
        await bench("validate", **config)
    assert reason in str(caught.value)


def judge(folder: Path, name: str, text: str):
    (folder / name).write_text(text)
    return judge_of(ValidateConfig(schema_file=name), folder)


def test_schemas_in_files(tmp_path: Path) -> None:
    assert judge(tmp_path, "a.json", '{"type": "integer"}')("x") == ['payload: "x" is not of type "integer"']
    (tmp_path / "types.xsd").write_text(TYPES)
    by_xsd = judge(tmp_path, "a.xsd", XSD)
    assert by_xsd("<order><qty>1.5</qty></order>") == by_xsd(b"<order><qty>1.5</qty></order>") == ()
    (fault, *_) = by_xsd("<order>\n<qty>-1</qty></order>")
    assert fault.startswith("line 2: Element 'qty': ")
    assert by_xsd("<order>")[0].startswith("it is no XML: ")
    with pytest.raises(MessageError, match="judges the text of a document, not 7"):
        by_xsd(7)


def test_a_hostile_document_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "types.xsd").write_text(TYPES)
    by_xsd = judge(tmp_path, "a.xsd", XSD)
    bomb = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    began = time.monotonic()
    for declared in (f'<!ENTITY a0 "x">{bomb}', '<!ENTITY a11 SYSTEM "file:///etc/passwd">'):
        (fault,) = by_xsd(f"<!DOCTYPE order [{declared}]><order><qty>&a11;</qty></order>")
        assert "document type" in fault or fault.startswith("it is no XML")
    assert time.monotonic() - began < 1
    slow = judge(tmp_path, "b.json", r'{"type": "string", "pattern": "^(a+)+$"}')
    assert slow("a" * 50_000 + "b")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("a.json", "{", "is no schema: "),
        ("a.json", '{"type": 7}', "is no schema: schema.type: "),
        ("a.xsd", "<a/>", "is no schema: "),
        ("a.xsd", "<a", "is no schema: "),
    ],
)
def test_files_that_are_no_schema(tmp_path: Path, name: str, text: str, reason: str) -> None:
    with pytest.raises(PermanentError) as caught:
        judge(tmp_path, name, text)
    assert reason in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for name in ("a.json", "a.xsd"):
        with pytest.raises(PermanentError, match=r"cannot be read \(No such file or directory\): put it there"):
            judge_of(ValidateConfig(schema_file=name), tmp_path)
