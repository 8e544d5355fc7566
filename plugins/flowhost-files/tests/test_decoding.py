"""From the bytes of a file to records: every format, how numbers and times are written, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from flowhost_files.config_read import ReadConfig
from flowhost_files.decoding import DECODERS, batches
from flowhost_files.records import BrokenFile, Record
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

Read = Callable[..., list[Record]]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def build(content: bytes | str, **config: Any) -> list[Record]:
        file = tmp_path / "file"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        made = ReadConfig(path="inbox/*", **config)
        return list(DECODERS[made.format](made, file))

    return build


def payloads(records: list[Record]) -> list[Any]:
    assert [record.fault for record in records] == [""] * len(records)
    return [record.payload for record in records]


def column(name: str, **rest: Any) -> dict[str, Any]:
    return {"name": name, **rest}


def test_csv_rows_are_objects_of_text(read: Read) -> None:
    found = read('order,qty\r\n007,1.50\r\n"a, ""b""\nc",\r\n')
    assert payloads(found) == [{"order": "007", "qty": "1.50"}, {"order": 'a, "b"\nc', "qty": ""}]
    assert [record.place for record in found] == [2, 4]


def test_a_german_export(read: Read) -> None:
    text = "Maschinendaten\nAuftrag;Menge;Energie;Zeit;Fertig;Übrig\n4711;1.234;12.345,60;29.03.2026 03:30;yes;x\n"
    found = read(
        text.encode("cp1252"),
        encoding="cp1252", delimiter=";", decimal=",", thousands=".", zone="Europe/Berlin", skip=1,
        columns=[
            column("Auftrag", field="order"),
            column("Menge", field="qty", type="integer"),
            column("Energie", field="kwh", type="decimal"),
            column("Zeit", field="at", type="time", format="%d.%m.%Y %H:%M"),
            column("Fertig", field="done", type="boolean"),
            column("Übrig", type="text"),
        ],
    )  # fmt: skip
    assert payloads(found) == [
        {
            "order": "4711", "qty": 1234, "kwh": Decimal("12345.60"), "at": "2026-03-29T01:30:00.000000Z", "done": True,
            "Übrig": "x",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        ("integer", "1.5", "'1.5' is no whole number"),
        ("integer", "٣", "'٣' is no whole number"),
        ("number", "12 kg", "'12 kg' is no number (decimals behind '.')"),
        ("number", "1,5", "'1,5' is no number (decimals behind '.')"),
        ("number", "nan", "'nan' is no number (decimals behind '.')"),
        ("number", "1e999", "'1e999' is too large"),
        ("boolean", "maybe", "'maybe' is neither true nor false (true, yes, 1, false, no, 0)"),
        ("time", "yesterday", "'yesterday' is no time as ISO 8601 writes it"),
        ("time", "2026-11-01 10:00", "2026-11-01 10:00:00 names no time zone: set `zone`"),
    ],
)
def test_what_does_not_fit_its_column_is_refused_by_name(read: Read, kind: str, text: str, reason: str) -> None:
    (good, bad) = read(f'n,v\n1,\n2,"{text}"\n', columns=[column("n"), column("v", type=kind)])
    assert good == Record(2, {"n": "1", "v": None})
    assert bad == Record(3, {"n": "2", "v": text}, f"column 'v': {reason}")


def test_an_hour_the_clocks_leave_out_is_no_time(read: Read) -> None:
    (bad,) = read("at\n2026-03-29 02:30\n", zone="Europe/Berlin", columns=[column("at", type="time")])
    assert bad.fault == "column 'at': 2026-03-29 02:30:00 is left out in Europe/Berlin: the clocks go forward"


@pytest.mark.parametrize("text", ["1.23", "12.34.567", "1234.567", "1.2345"])
def test_groups_of_digits_that_are_none_are_refused(read: Read, text: str) -> None:
    (bad,) = read(f"v\n{text}\n", decimal=",", thousands=".", columns=[column("v", type="number")])
    assert bad.fault == f"column 'v': {text!r} has digits in groups that are not of three"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**12), max_value=10**12))
def test_numbers_written_with_groups_and_comma_come_back(value: Decimal) -> None:
    from flowhost_files.cells import Cells

    text = f"{value:,.3f}".replace(",", " ").replace(".", ",").replace(" ", ".")
    config = ReadConfig(path="x", decimal=",", thousands=".", columns=[column("v", type="decimal")])
    assert Cells(config, ["v"]).record(1, [text]) == Record(1, {"v": value})


def test_a_row_of_another_width_is_refused_alone(read: Read) -> None:
    first, second, third = read("a,b\n1\n1,2\n1,2,3\n")
    assert (first.fault, second.fault) == ("it has 1 values, and there are 2 columns", "")
    assert third == Record(4, ["1", "2", "3"], "it has 3 values, and there are 2 columns")


@pytest.mark.parametrize(
    ("content", "config", "reason"),
    [
        ("a,,c\n", {}, "column 2 has no name in the header: list the columns to read in `columns`"),
        ("a,a\n", {}, "two columns are called 'a' in the header: list the columns to read in `columns`"),
        ("a,b\n", {"columns": [column("c")]}, "it has no column 'c'; there are 'a', 'b'"),
        ("", {"columns": [column("c")]}, "it has no column 'c'; there are "),
        (b"a\ngut\nf\xfcr\n", {}, "a byte 0xfc is not utf-8: set `encoding` to the code page it was written in"),
        ('a\n"open\n', {}, "line 2 is no csv: unexpected end of data"),
        ('{"a": ', {"format": "json"}, "it is no JSON: "),
        ('{"a": [1]}', {"format": "json", "records": "b/c"}, "there is no 'b' on the way b/c (`records`); there is a"),
        ("<a><b>", {"format": "xml"}, "it is no XML: "),
        ("<a/>", {"format": "xml", "records": "a/b"}, "there is no element on the way a/b"),
        ("<a>" * 300, {"format": "xml"}, "its elements lie in one another more than 200 deep"),
        ("no zip", {"format": "excel"}, "it is no Excel file of the kind xlsx"),
    ],
)
def test_a_broken_file_says_where_and_what_to_do(read: Read, content: Any, config: Any, reason: str) -> None:
    with pytest.raises(BrokenFile) as caught:
        read(content, **config)
    assert reason in str(caught.value)


def test_a_file_without_rows_has_none(read: Read) -> None:
    assert read("") == read("a,b\n") == read("", format="lines") == []


def test_without_header_the_list_names_the_columns(read: Read) -> None:
    columns = [column("order"), column("qty", type="number")]
    assert payloads(read("7\t1.5\n", header=False, delimiter="\t", columns=columns)) == [{"order": "7", "qty": 1.5}]


def test_a_mark_before_utf_8_is_no_part_of_the_first_name(read: Read) -> None:
    assert payloads(read(b"\xef\xbb\xbfa\n1\n")) == [{"a": "1"}]
    assert payloads(read(b"\xef\xbb\xbf[1]", format="json")) == [[1]]


def test_lines_and_documents(read: Read) -> None:
    assert payloads(read("a\n\nb", format="lines")) == ["a", "", "b"]
    assert payloads(read("head\na\n", format="lines", skip=1)) == ["a"]
    assert payloads(read("für\n", format="text")) == ["für\n"]
    assert payloads(read(b"\x00\xff", format="bytes")) == [b"\x00\xff"]
    assert payloads(read('{"a": [1.5, null]}', format="json")) == [{"a": [1.5, None]}]
    assert payloads(read('{"a": {"b": [1, 2]}}', format="json", records="a/b")) == [1, 2]


def test_a_json_line_that_is_none_is_refused_alone(read: Read) -> None:
    first, second, third = read('{"a":1}\nno\n\n[2]\n', format="jsonl")
    assert (first.payload, third) == ({"a": 1}, Record(4, [2]))
    assert (second.place, second.payload) == (2, "no")
    assert second.fault.startswith("it is no JSON")


XML = """<?xml version="1.0"?><o:Orders xmlns:o="urn:x" site="north">
<o:Order id="1"><o:Line qty="2">bolt</o:Line><o:Line>nut</o:Line></o:Order>
<o:Note>n</o:Note><o:Order id="2"/></o:Orders>"""


def test_xml_elements_are_objects(read: Read) -> None:
    assert payloads(read(XML, format="xml", records="Orders/Order")) == [
        {"@id": "1", "Line": [{"@qty": "2", "#text": "bolt"}, "nut"]},
        {"@id": "2"},
    ]
    (whole,) = payloads(read(XML, format="xml"))
    assert whole["Orders"]["@site"] == "north"
    assert [order["@id"] for order in whole["Orders"]["Order"]] == ["1", "2"]


@pytest.mark.parametrize(
    "attack",
    [
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]><a>&y;</a>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>',
    ],
)
def test_entities_and_document_types_are_refused_at_once(read: Read, attack: str) -> None:
    began = time.monotonic()
    with pytest.raises(BrokenFile, match="declares a document type"):
        read(attack, format="xml")
    assert time.monotonic() - began < 1


def sheet(file: Path, rows: list[list[Any]], title: str = "Tabelle1") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.create_sheet("other").append(["x"])
    book.save(file)
    return file.read_bytes()


def test_a_sheet(read: Read, tmp_path: Path) -> None:
    moment = datetime(2026, 7, 1, 12, 30)  # noqa: DTZ001 - a sheet knows no zones
    content = sheet(tmp_path / "s", [["order", "qty", "at", None], [4711, 2.5, moment], [None], ["x", None, None]])
    found = read(content, format="excel")
    assert payloads(found) == [
        {"order": 4711, "qty": 2.5, "at": "2026-07-01T12:30:00"},
        {"order": "x", "qty": None, "at": None},
    ]
    assert [record.place for record in found] == [2, 4]
    typed = read(
        content, format="excel", zone="Europe/Berlin",
        columns=[column("order"), column("qty", type="decimal"), column("at", type="time")],
    )  # fmt: skip
    assert payloads(typed) == [
        {"order": "4711", "qty": Decimal("2.5"), "at": "2026-07-01T10:30:00.000000Z"},
        {"order": "x", "qty": None, "at": None},
    ]
    with pytest.raises(BrokenFile, match="it has no sheet 'no'; there are 'Tabelle1', 'other'"):
        read(content, format="excel", sheet="no")
    assert read(content, format="excel", sheet="other") == []
    (wrong, _) = read(content, format="excel", columns=[column("at", type="integer")])
    assert wrong.fault == "column 'at': '2026-07-01T12:30:00' is no integer"


def test_what_is_read_whole_has_a_limit(read: Read, tmp_path: Path) -> None:
    with pytest.raises(BrokenFile, match=r"it has 2 MB and is read as a whole: at most 1 MB \(`max_mb`\)"):
        read(b"x" * 2_000_000, format="bytes", max_mb=1)


def test_batches_go_on_behind_what_was_delivered(tmp_path: Path) -> None:
    file = tmp_path / "f.csv"
    file.write_text("n\n" + "".join(f"{n}\n" for n in range(10)))
    config = ReadConfig(path="x")
    found = [([int(r.payload["n"]) for r in batch], last) for batch, last in batches(config, file, 3, 4)]
    assert found == [([3, 4, 5, 6], False), ([7, 8, 9], True)]
    assert [(len(b), last) for b, last in batches(config, file, 10, 4)] == [(0, True)]
    file.write_bytes(file.read_bytes() + b"\xff\n")
    taken = []
    with pytest.raises(BrokenFile):
        taken.extend(len(batch) for batch, _ in batches(config, file, 0, 100))
    assert taken == []


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"path": "../x.csv"}, "write a path below the data folder"),
        ({"path": "C:/x.csv"}, "write a path below the data folder"),
        ({"path": "inbox/"}, "name the files, too: inbox/*.csv, or inbox/* for all"),
        ({"path": "a/**b/c"}, "`**` stands for folders"),
        ({"encoding": "utf-9"}, "'utf-9' is no code page of text; common ones are utf-8, cp1252 and latin-1"),
        ({"encoding": "hex"}, "'hex' is no code page of text"),
        ({"zone": "Berlin"}, "'Berlin' is no time zone; write one such as Europe/Berlin or UTC"),
        ({"header": False}, "without a header the file does not name its columns: list them in `columns`"),
        ({"format": "xml", "columns": [column("a")]}, "`columns` is for csv and excel; xml has none"),
        ({"records": "a"}, "`records` is for xml and json; csv has none"),
        ({"decimal": ",", "thousands": ","}, "`decimal` and `thousands` cannot be the same sign"),
        ({"done_folder": "error"}, "`done_folder` and `error_folder` are to be told apart"),
        ({"done_folder": "../x"}, "write the plain name of a folder"),
        ({"columns": [column("a"), column("b", field="a")]}, "two columns have the field 'a'"),
        ({"columns": [column("a", format="%Y")]}, "`format` is for type time; column 'a' is text"),
        ({"columns": [column("a", type="time", format="%Y")]}, "column 'a' holds times without a zone: set `zone`"),
    ],
)
def test_settings_that_cannot_be(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ReadConfig(**({"path": "inbox/*.csv"} | config))
    assert reason in str(caught.value)
