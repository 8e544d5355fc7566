"""`template`: makes text."""

from __future__ import annotations

from typing_extensions import override

from flowhost import sdk
from flowhost.sdk import CodeWriter, InlineTransform, NodeSpec, Template, setting


class TemplateConfig(sdk.Config):
    """The text and where it goes."""

    text: Template = setting(example="{topic}: {payload.value} at {time}")
    """Text with `{expression}` in it; `{{` stands for a brace."""
    into: str = setting("", example="text")
    """Field of the payload that takes the text; empty makes the text the whole payload."""


class TemplateNode(InlineTransform[TemplateConfig]):
    """Makes text out of a message, for log lines, commands or documents."""

    spec = NodeSpec(
        id="template", title="Template", summary="Makes text with values in it.", category="logic",
        icon="notes", keywords=("text", "format", "string"),
    )  # fmt: skip
    Config = TemplateConfig

    @override
    def write_code(self, writer: CodeWriter) -> None:
        """Render and set."""
        text = writer.render(self.config.text)
        if self.config.into:
            writer.update_fields({self.config.into: text})
        else:
            writer.set_payload(text)
