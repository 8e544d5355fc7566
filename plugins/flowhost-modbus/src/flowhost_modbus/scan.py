"""One scan: all blocks of the plan, tag by tag value or reason; learns where the device has no addresses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flowhost.sdk import MessageError, TemporaryError
from flowhost_modbus.answers import ILLEGAL_ADDRESS, RefusedError, SilentError, WrongAnswerError
from flowhost_modbus.config import Table, Tag
from flowhost_modbus.plan import Block, split_block
from flowhost_modbus.values import decoder

SILENCE_LIMIT = 2
"""Requests in a row without an answer after which a scan is given up."""

RETRY_SPLIT = 60
"""A block of which no part could be read is taken apart again at every 60th scan."""


class Reader(Protocol):
    """What a scan asks: the connection."""

    async def read(self, table: Table, unit_id: int, start: int, count: int) -> Sequence[int]:
        """Read one block."""
        ...


@dataclass
class ScanResult:
    """What one scan brought.

    Attributes:
        values: by tag name, in the order of the tag table; None where the tag could not be read.
        errors: why not, by tag name.
    """

    values: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)


class Scanner:
    """Reads the tag table of one unit.

    If the device refuses a block because of an address in it (exception 2), the block is taken apart until only
    the tags that are at fault fail; what was learned holds until the node is opened again.
    """

    def __init__(self, tags: Sequence[Tag], unit_id: int, blocks: Sequence[Block]) -> None:
        self.blocks = self._plan = tuple(blocks)
        self._unit_id = unit_id
        self._names = tuple(tag.name for tag in tags)
        self._decoders = {tag.name: decoder(tag) for tag in tags}
        self._refused: dict[tuple[Table, int, int], int] = {}
        self._silent_in_row = 0

    def start_over(self) -> None:
        """Forget what was learned about gaps: after a loss the device may be another, or have finished starting."""
        self.blocks = self._plan

    async def scan(self, reader: Reader) -> ScanResult:
        """Read every block once.

        Raises `NotConnectedError` when the link is lost, `TemporaryError` when not one tag could be read.
        """
        result = ScanResult(dict.fromkeys(self._names))
        self._silent_in_row = 0
        learned: list[Block] = []
        for block in self.blocks:
            learned.extend(await self._read_block(reader, block, result))
        self.blocks = tuple(learned)
        if len(result.errors) == len(self._names):
            msg = f"unit {self._unit_id}: no tag could be read; {_reasons(result.errors)}"
            raise TemporaryError(msg)
        return result

    async def _read_block(self, reader: Reader, block: Block, result: ScanResult) -> tuple[Block, ...]:
        """Read a block; gives the blocks to read instead next time."""
        try:
            values = await reader.read(block.table, self._unit_id, block.start, block.count)
        except RefusedError as error:
            self._silent_in_row = 0
            if error.code == ILLEGAL_ADDRESS and self._worth_splitting(block):
                return await self._read_parts(reader, block, result)
            _fail(block, str(error), result)
        except WrongAnswerError as error:
            self._silent_in_row = 0
            _fail(block, str(error), result)
        except SilentError as error:
            self._silent_in_row += 1
            if self._silent_in_row >= SILENCE_LIMIT or len(self.blocks) == 1:
                raise
            _fail(block, str(error), result)
        else:
            self._silent_in_row = 0
            self._decode(block, values, result)
        return (block,)

    async def _read_parts(self, reader: Reader, block: Block, result: ScanResult) -> tuple[Block, ...]:
        learned: list[Block] = []
        for part in split_block(block):
            learned.extend(await self._read_block(reader, part, result))
        if all(tag.name in result.errors for tag in block.tags):
            return (block,)  # not the gap is at fault: a device that is starting refuses everything
        self._refused.pop(_place(block), None)
        return tuple(learned)

    def _worth_splitting(self, block: Block) -> bool:
        if len(block.tags) == 1:
            return False
        times = self._refused.get(_place(block), 0)
        self._refused[_place(block)] = times + 1
        return times % RETRY_SPLIT == 0

    def _decode(self, block: Block, values: Sequence[int], result: ScanResult) -> None:
        for tag in block.tags:
            first = tag.address - block.start
            try:
                result.values[tag.name] = self._decoders[tag.name](values[first : first + tag.width])
            except MessageError as error:
                result.errors[tag.name] = str(error)


def errors_text(errors: dict[str, str]) -> str:
    """Tags and reasons, tags with the same reason together: for the header `modbus.errors`."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in errors.items():
        by_reason.setdefault(reason, []).append(name)
    return " | ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items())


def _reasons(errors: dict[str, str]) -> str:
    return " | ".join(dict.fromkeys(errors.values()))


def _fail(block: Block, reason: str, result: ScanResult) -> None:
    for tag in block.tags:
        result.errors[tag.name] = reason


def _place(block: Block) -> tuple[Table, int, int]:
    return block.table, block.start, block.count
