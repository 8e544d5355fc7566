"""`validate`: lets through what a schema allows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import field_validator, model_validator
from typing_extensions import override

from flowhost import sdk
from flowhost.sdk import (
    Expression,
    Message,
    MessageError,
    MessageTransform,
    NodeContext,
    NodeSpec,
    PermanentError,
    setting,
)

if TYPE_CHECKING:
    from flowhost.nodes.schemas import Judge

EXAMPLE = {
    "type": "object",
    "required": ["order", "qty"],
    "properties": {"order": {"type": "string"}, "qty": {"type": "number", "exclusiveMinimum": 0}},
}


class ValidateConfig(sdk.Config):
    """By which schema."""

    json_schema: dict[str, Any] = setting(default_factory=dict, example=EXAMPLE)
    """JSON Schema, written here; or name a file."""
    schema_file: str = setting("", example="schemas/order.json")
    """Schema in a file below the data folder (beside the flow file in `flowhost run`): `.json` is JSON Schema, `.xsd`
    is W3C XML Schema 1.0, which judges the text of XML documents. Read when the flow starts."""
    value: Expression | None = setting(None, example="payload.order")
    """What is judged; left out, the whole payload."""

    @field_validator("schema_file")
    @classmethod
    def _below(cls, value: str) -> str:
        path = PurePosixPath(value)
        if value and (path.is_absolute() or ".." in path.parts or "\\" in value or ":" in value):
            raise ValueError("write a path below the data folder, with `/` between folders, such as schemas/order.json")
        if value and path.suffix not in (".json", ".xsd"):
            raise ValueError("a schema is a file that ends with .json (JSON Schema) or .xsd (XML Schema)")
        return value

    @model_validator(mode="after")
    def _one(self) -> ValidateConfig:
        if bool(self.json_schema) == bool(self.schema_file):
            raise ValueError("write a schema in `json_schema` or name its file in `schema_file`: one of the two")
        if self.json_schema:
            from flowhost.nodes.schemas import SchemaError, json_judge  # the library takes time to import

            try:
                json_judge(self.json_schema)
            except SchemaError as error:
                raise ValueError(f"`json_schema` is no JSON Schema: {error}") from None
        return self


class Validate(MessageTransform[ValidateConfig]):
    """Lets through messages that the schema allows, as they are; others fail with what is wrong and where.

    So nothing that a target could not understand goes on: it leaves by the error port, or waits on the work list to be
    mended. JSON Schema of drafts 4 to 2020-12, formats included; references lead only within the schema.
    """

    spec = NodeSpec(
        id="validate", title="Validate", summary="Lets through what a schema allows.", category="logic", icon="rule",
        keywords=("schema", "json schema", "xsd", "xml", "check", "b2mml", "contract"),
    )  # fmt: skip
    Config = ValidateConfig

    def __init__(self, config: ValidateConfig, context: NodeContext) -> None:
        super().__init__(config, context)
        self._judge: Judge | None = None

    @override
    async def open(self) -> None:
        """Read the schema. Raises `PermanentError` where there is none that can be used."""
        self._judge = await asyncio.to_thread(judge_of, self.config, self.context.base_dir)

    @override
    def process_one(self, message: Message) -> Message:
        """The message. Raises `MessageError` that names up to five faults."""
        if self._judge is None:
            msg = "validate judges only after it was opened"
            raise PermanentError(msg)
        value = self.config.value
        faults = self._judge(message.payload if value is None else value.evaluate(message))
        if faults:
            raise MessageError("; ".join(faults))
        return message


def judge_of(config: ValidateConfig, base: Path) -> Judge:
    """Make the judge. Raises `PermanentError`."""
    from flowhost.nodes.schemas import SchemaError, json_judge, xml_judge

    if config.json_schema:
        return json_judge(config.json_schema)
    file = base / config.schema_file
    if not file.resolve().is_relative_to(base.resolve()):
        raise PermanentError(f"schema_file {config.schema_file} leads out of the data folder")
    try:
        return xml_judge(file) if file.suffix == ".xsd" else json_judge(json.loads(file.read_bytes()))
    except OSError as error:
        raise PermanentError(f"schema_file {file} cannot be read ({error.strerror or error}): put it there") from error
    except (SchemaError, ValueError) as error:
        raise PermanentError(f"schema_file {file} is no schema: {error}") from error
