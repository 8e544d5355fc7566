"""What can be set for `file.write`."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import StringConstraints, model_validator

from flowhost.sdk import Config, Expression, MessageError, Template, setting
from flowhost_files.paths import parts_of

Format: TypeAlias = Literal["json", "jsonl", "csv", "text", "bytes"]

Column = Annotated[str, StringConstraints(min_length=1)]

EXTENSIONS: dict[Format, str] = {"json": ".json", "jsonl": ".jsonl", "csv": ".csv", "text": ".txt", "bytes": ".bin"}


class WriteConfig(Config):
    """Writes messages into files."""

    path: Template = setting(example="orders/{payload.order}/")
    """File to write, below the data folder (beside the flow file in `flowhost run`); missing folders are made. A path
    that ends with `/` names the folder, and each message's file is named after its id."""
    mode: Literal["file_per_message", "append"] = setting("file_per_message")
    """`file_per_message`: a file appears whole or not at all; written again, it is the same file. `append`: a line per
    message at the end of a growing file (jsonl, csv)."""
    format: Format = setting("json")
    """`json`: one document; `jsonl`: JSON, one line; `csv`; `text` and `bytes`: as they are."""
    content: Expression | None = setting(None, advanced=True, example="payload.report")
    """What is written; left out, the whole payload."""
    columns: dict[Column, Expression] | None = setting(
        None, only_if={"format": "csv"}, example={"tag": "topic", "value": "payload.value"}
    )
    """Columns of a csv file and their values; left out, the fields of the object that is written."""
    delimiter: Literal[",", ";", "\t"] = setting(",", advanced=True, only_if={"format": "csv"})
    """What stands between the values of a csv file."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode == "append" and self.format not in ("jsonl", "csv"):
            raise ValueError(
                f"mode 'append' needs format jsonl or csv, which have one message a line, not {self.format}"
            )
        if self.columns is not None and (self.format != "csv" or not self.columns):
            raise ValueError("'columns' names the columns of format csv, one at least")
        if self.columns is not None and self.content is not None:
            raise ValueError("'columns' and 'content' exclude each other")
        self._check_path()
        return self

    def _check_path(self) -> None:
        text = self.path.text
        if self.mode == "append" and text.endswith("/"):
            raise ValueError("'path' names a folder; mode 'append' needs a file, such as log/{topic}.jsonl")
        if "{" in text or "}" in text:
            return
        try:
            parts = parts_of(text)
        except MessageError as error:
            raise ValueError(str(error)) from None
        if self.mode == "file_per_message" and not text.endswith("/") and "." not in parts[-1]:
            raise ValueError(
                f"every message would replace the same file; write '{text}/' for a folder with a file per message"
            )
