"""Which requests a scan needs: neighbouring tags of one table are read together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from typing_extensions import override

from flowhost_modbus.config import BIT_TABLES, Table, Tag

TABLE_ORDER: tuple[Table, ...] = ("coil", "discrete", "input", "holding")


@dataclass(frozen=True)
class Limits:
    """What one request may read.

    Attributes:
        max_gap: unused registers read along to save a request; 16 times as many bits.
        max_registers: at most 125 (Modbus V1.1b3, 6.3 and 6.4).
        max_bits: at most 2000 (V1.1b3, 6.1 and 6.2).
    """

    max_gap: int = 16
    max_registers: int = 125
    max_bits: int = 2000

    def of(self, table: Table) -> tuple[int, int]:
        """Largest gap and largest count for a table, in its own unit."""
        return (self.max_gap * 16, self.max_bits) if table in BIT_TABLES else (self.max_gap, self.max_registers)


@dataclass(frozen=True)
class Block:
    """One request: `count` addresses from `start`, holding the tags in order of address."""

    table: Table
    tags: tuple[Tag, ...]

    @property
    def start(self) -> int:
        """First address."""
        return self.tags[0].address

    @property
    def count(self) -> int:
        """Addresses read."""
        return max(tag.address + tag.width for tag in self.tags) - self.start

    @override
    def __str__(self) -> str:
        what = f"{self.table} {self.start}"
        what += f"..{self.start + self.count - 1}" if self.count > 1 else ""
        return f"{what} ({len(self.tags)} tag{'s' if len(self.tags) > 1 else ''})"


def plan_blocks(tags: Sequence[Tag], limits: Limits) -> tuple[Block, ...]:
    """Fewest requests that neighbourhood allows; a tag is never cut in two."""
    blocks: list[Block] = []
    for table in TABLE_ORDER:
        mine = sorted((tag for tag in tags if tag.table == table), key=lambda tag: (tag.address, tag.width))
        gap, most = limits.of(table)
        blocks.extend(_blocks_of_one_table(table, mine, gap, most))
    return tuple(blocks)


def split_block(block: Block) -> tuple[Block, ...]:
    """Smaller requests for the same tags: without the gaps, or where there is none, in two halves.

    A block of one tag cannot be split and comes back alone.
    """
    parts = tuple(_blocks_of_one_table(block.table, block.tags, 0, block.count))
    if len(parts) > 1 or len(block.tags) == 1:
        return parts
    middle = len(block.tags) // 2
    return Block(block.table, block.tags[:middle]), Block(block.table, block.tags[middle:])


def describe(blocks: Sequence[Block]) -> str:
    """The plan in one line, for the log."""
    return f"{len(blocks)} request{'s' if len(blocks) > 1 else ''} per scan: {', '.join(map(str, blocks))}"


def _blocks_of_one_table(table: Table, tags: Sequence[Tag], gap: int, most: int) -> list[Block]:
    blocks: list[Block] = []
    group: list[Tag] = []
    end = 0
    for tag in tags:
        far = tag.address > end + gap
        large = bool(group) and tag.address + tag.width - group[0].address > most
        if group and (far or large):
            blocks.append(Block(table, tuple(group)))
            group = []
        group.append(tag)
        end = max(end, tag.address + tag.width) if len(group) > 1 else tag.address + tag.width
    if group:
        blocks.append(Block(table, tuple(group)))
    return blocks
