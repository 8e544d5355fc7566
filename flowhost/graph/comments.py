"""Whether a YAML text has comments: what keeps flows as data, such as a host, has no place for them."""

from __future__ import annotations

from collections.abc import Iterator

from flowhost.graph.tree import Piece, Tree, resolved


def has_comments(text: str, tree: Tree) -> bool:
    """True if a `#` stands in no value and no key."""
    rest = list(text)
    for start, end in _scalars(tree.top):
        rest[start:end] = " " * (end - start)
    return "#" in "".join(rest)


def _scalars(piece: Piece) -> Iterator[tuple[int, int]]:
    todo = [piece]
    while todo:
        one = resolved(todo.pop())
        if one.kind == "scalar":
            yield one.start, one.end
        for entry in one.entries.values():
            todo += [entry.key, entry.value]
        todo += one.items
