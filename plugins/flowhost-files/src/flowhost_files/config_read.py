"""What can be set for `file.read`."""

from __future__ import annotations

import codecs
import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, StringConstraints, field_validator, model_validator

from flowhost.sdk import Config, setting

ReadFormat: TypeAlias = Literal["csv", "jsonl", "lines", "excel", "xml", "json", "text", "bytes"]
ROWS: tuple[ReadFormat, ...] = ("csv", "excel")
"""Formats whose cells are named by columns."""
WRITTEN: tuple[ReadFormat, ...] = ("csv", "jsonl", "lines", "text")
"""Formats that are text in some encoding; JSON and XML say it themselves."""
DOCUMENTS: tuple[ReadFormat, ...] = ("xml", "json")

ColumnType: TypeAlias = Literal["text", "integer", "number", "decimal", "boolean", "time"]

ANYWHERE = re.compile(r"[*?\[]")


def _folder(text: str) -> str:
    if text and (re.search(r'[<>:"|?*\\/]', text) or text in (".", "..")):
        raise ValueError("write the plain name of a folder; it lies beside the files that are read")
    return text


Folder = Annotated[str, StringConstraints(min_length=1), AfterValidator(_folder)]


class Column(Config):
    """One column of a csv file or a sheet."""

    name: str = setting(min_length=1, example="Menge")
    """As the file's first row names it; without such a row, columns are counted in the order of this list."""

    field: str = setting("", example="qty")
    """Field of the payload; left empty, it is called as the column."""

    type: ColumnType = setting("text")
    """What the text of a csv file is read as: nothing that only looks like a number becomes one by itself. An empty
    cell is null, of type `text` it is empty text. Cells of a sheet have types of their own; a wrong one is refused."""

    format: str = setting("", advanced=True, only_if={"type": "time"}, example="%d.%m.%Y %H:%M:%S")
    """Of type `time`: how it is written, such as `%d.%m.%Y %H:%M` for day.month.year hour:minute; left empty, as ISO
    8601."""

    @property
    def target(self) -> str:
        """Field of the payload."""
        return self.field or self.name

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.format and self.type != "time":
            raise ValueError(f"`format` is for type time; column {self.name!r} is {self.type}")
        return self


class ReadConfig(Config):
    """Reads files that another system puts into a folder."""

    path: str = setting(min_length=1, example="inbox/*.csv")
    """Which files, below the data folder (beside the flow file in `flowhost run`): a folder and a pattern for names.
    `*` stands for any letters, `?` for one, and a folder named `**` for all folders below."""
    format: ReadFormat = setting("csv")
    """`csv`, `excel` (xlsx), `jsonl`, `lines`: a message per row or line. `xml`, `json`: one per record, or the whole
    document. `text`, `bytes`: the whole file."""
    done: Literal["move", "delete", "keep"] = setting("move", title="When delivered")
    """What becomes of a file when all of it was delivered: moved to the folder `done_folder` beside it, deleted, or
    left where it is and remembered."""
    period_ms: int = setting(2000, title="Look every", ge=10, le=86_400_000, unit="ms")
    """How often the folder is looked at."""
    settle_ms: int = setting(2000, title="Unchanged for", ge=0, le=3_600_000, unit="ms")
    """A file is read once its size and time have not changed for so long: before, somebody may still write it."""

    columns: tuple[Column, ...] = setting((), only_if={"format": ROWS})
    """Of csv and excel: which columns are read, what they are called here and what they hold. Left out, every column
    is a field."""
    header: bool = setting(True, only_if={"format": ROWS})
    """Of csv and excel: whether the first row names the columns."""
    skip: int = setting(0, ge=0, le=10_000, advanced=True, unit="rows", only_if={"format": (*ROWS, "lines")})
    """Of csv, excel and lines: how many rows stand before the header or the data."""
    delimiter: Literal[",", ";", "\t", "|"] = setting(",", only_if={"format": "csv"})
    """What stands between the values of a csv file."""
    encoding: str = setting("utf-8", only_if={"format": WRITTEN}, example="cp1252")
    """Code page of text, such as `utf-8`, `cp1252`, `latin-1` or `utf-16`."""
    decimal: Literal[".", ","] = setting(".", only_if={"format": "csv"})
    """What stands before the decimals of numbers in a csv file."""
    thousands: Literal["", ".", ",", " ", "'"] = setting("", advanced=True, only_if={"format": "csv"})
    """What may stand between groups of three digits in a csv file."""
    zone: str = setting("", example="Europe/Berlin")
    """Time zone of times that name none; left empty, such a time is refused."""
    sheet: str = setting("", advanced=True, only_if={"format": "excel"})
    """Of excel: name of the sheet; left empty, the first one."""
    records: str = setting("", only_if={"format": DOCUMENTS}, example="Orders/Order")
    """Of xml and json: where the records are, as names from the outside in; left empty, the document is one message."""
    max_mb: int = setting(64, title="Largest file", ge=1, le=1024, advanced=True, unit="MB")
    """A file that has to be held in memory as a whole may be this large."""

    time: str = setting("")
    """Field of the payload that holds the message's time; left empty, it is the file's."""
    key: str = setting("")
    """Field of the payload that orders messages and finds them again, such as an order number."""
    topic: str = setting("")
    """Topic of the messages; left empty, the file's path below the data folder."""

    done_folder: Folder = setting("done", advanced=True, only_if={"done": "move"})
    """Folder for files that were delivered."""
    error_folder: Folder = setting("error", advanced=True)
    """Folder for files that cannot be read to their end, each with its reason in a text file beside it."""

    @field_validator("path")
    @classmethod
    def _below(cls, value: str) -> str:
        parts = PurePosixPath(value).parts
        if "\\" in value or value.startswith("/") or re.match(r"[A-Za-z]:", value) or ".." in parts:
            raise ValueError("write a path below the data folder, with `/` between folders, such as inbox/*.csv")
        if value.endswith("/"):
            raise ValueError(f"name the files, too: {value}*.csv, or {value}* for all")
        if any("**" in part and part != "**" for part in parts) or parts[-1] == "**":
            raise ValueError("`**` stands for folders and alone between slashes, as in inbox/**/*.csv")
        return value

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise ValueError(f"{value!r} is no code page of text; common ones are utf-8, cp1252 and latin-1") from None
        # what Windows programs put before UTF-8 is not part of the first value
        return "utf-8-sig" if codecs.lookup(value).name == "utf-8" else value

    @field_validator("zone")
    @classmethod
    def _place(cls, value: str) -> str:
        if value:
            try:
                ZoneInfo(value)
            except (ValueError, OSError, LookupError):
                raise ValueError(f"{value!r} is no time zone; write one such as Europe/Berlin or UTC") from None
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.columns and self.format not in ROWS:
            raise ValueError(f"`columns` is for csv and excel; {self.format} has none")
        if self.records and self.format not in DOCUMENTS:
            raise ValueError(f"`records` is for xml and json; {self.format} has none")
        if self.format in ROWS and not self.header and not self.columns:
            raise ValueError("without a header the file does not name its columns: list them in `columns`")
        if self.decimal == self.thousands:
            raise ValueError("`decimal` and `thousands` cannot be the same sign")
        if self.done_folder == self.error_folder:
            raise ValueError("`done_folder` and `error_folder` are to be told apart")
        self._check_columns()
        return self

    def _check_columns(self) -> None:
        for what, names in (
            ("name", [column.name for column in self.columns]),
            ("field", [column.target for column in self.columns]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"two columns have the {what} {twice[0]!r}")
        untimed = [column.name for column in self.columns if column.type == "time" and "%z" not in column.format]
        if untimed and not self.zone and any(column.format for column in self.columns if column.name in untimed):
            raise ValueError(f"column {untimed[0]!r} holds times without a zone: set `zone`, such as Europe/Berlin")
