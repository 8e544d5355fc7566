"""A lab instrument writes lines such as `T-17;pH;7.2` into a file; the laboratory system wants one file per result."""

import asyncio
import json
from pathlib import Path

from flowhost import sdk


class Folder(sdk.Connection):
    """A folder shared with an instrument. Files are used in a thread: a slow network share must not block the loop."""

    class Config(sdk.Config):
        path: Path = sdk.setting(example="/mnt/lab")
        """The folder; a relative path begins at the flow file."""

    spec = sdk.ConnectionSpec(id="lab.folder", title="Lab folder", summary="A folder shared with a lab instrument.")

    async def use(self, action, name, *args):
        try:
            return await asyncio.to_thread(action, self.context.base_dir / self.config.path / Path(name).name, *args)
        except OSError as error:
            raise sdk.TemporaryError(f"{name}: check that {self.config.path} is mounted ({error.strerror})") from error


class Read(sdk.Source):
    """Brings the lines of a result file, then ends."""

    class Config(sdk.Config):
        file: str = sdk.setting(example="today.txt")
        """Name of the file."""

    spec = sdk.NodeSpec(
        id="lab.read", title="Read results", summary="Lines of a file.", category="plant", connection="lab.folder"
    )

    async def run(self, emit):
        text = await self.context.connection.use(Path.read_text, self.config.file)
        meta = sdk.Meta(topic=self.config.file, time_ns=self.context.clock.now_ns())
        await emit([sdk.Message(line, meta) for line in text.splitlines()])


class Parse(sdk.MessageTransform):
    """Makes an object of a line. A line that is no result fails alone."""

    spec = sdk.NodeSpec(id="lab.parse", title="Parse result", summary="Makes an object of a line.", category="logic")
    Config = sdk.Config

    def process_one(self, message):
        sample, test, value = message.payload.split(";")
        result = message.with_payload({"sample": sample, "test": test, "value": float(value)})
        return result.with_meta(key=f"{sample}-{test}")


class Report(sdk.Sink):
    """Writes one file per result. Writing it again changes nothing, so a repeated delivery does no harm."""

    spec = sdk.NodeSpec(
        id="lab.report", title="Lab report", summary="Writes one file per result.", category="business",
        connection="lab.folder", ports=(), idempotent=True,
    )  # fmt: skip
    Config = sdk.Config

    async def write(self, messages):
        for message in messages:
            await self.context.connection.use(Path.write_text, f"{message.meta.key}.json", json.dumps(message.payload))


@sdk.hookimpl
def flowhost_node_types():
    return [Read, Parse, Report]


@sdk.hookimpl
def flowhost_connection_types():
    return [Folder]
