"""The simplest scope: a function of payload and meta, used where no engine has generated anything better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flowhost.expr import tree
from flowhost.expr.scope import DataPath, MetaLike
from flowhost.expr.times import iso_time


class PlainScope:
    """Data as `payload[...]` and `meta.name`, objects under numbered names."""

    def __init__(self, roots: Mapping[str, str] | None = None) -> None:
        self.bound: dict[str, Any] = {"__builtins__": {}}
        self._roots = roots

    def path(self, path: DataPath) -> str:
        root, *keys = path
        return self._root(str(root)) + "".join(f"[{key!r}]" for key in keys)

    def bind(self, value: Any, hint: str = "value") -> str:
        name = f"_{hint}_{len(self.bound)}"
        self.bound[name] = value
        return name

    def _root(self, root: str) -> str:
        if self._roots is not None:
            return self._roots[root]
        if root == "payload":
            return "payload"
        if root == "time":
            return f"{self.bind(iso_time, 'iso_time')}(meta.time_ns)"
        return f"meta.{root}"


def make_function(
    head: str, source: str, scope: PlainScope, on_error: Callable[..., BaseException]
) -> Callable[..., Any]:
    """A function `(head) -> source` whose failures pass through `on_error(exception, *arguments)`."""
    scope.bound["_failed"], scope.bound["_Exception"] = on_error, Exception
    code = (
        f"def evaluate({head}):\n try:\n  return {source}\n"
        f" except _Exception as _error:\n  raise _failed(_error, {head}) from _error\n"
    )
    exec(compile(code, "<expression>", "exec"), scope.bound)  # noqa: S102 - the source comes from our writer alone
    function: Callable[..., Any] = scope.bound["evaluate"]
    return function


class MessageRoots(dict[str, Any]):
    """Root names of one message, for the careful evaluation."""

    def __init__(self, payload: Any, meta: MetaLike) -> None:
        super().__init__(payload=payload)
        self._meta = meta

    def __missing__(self, name: str) -> Any:
        return iso_time(self._meta.time_ns) if name == "time" else getattr(self._meta, name)


def parts_of(node: tree.Node) -> Iterator[tree.Node]:
    """This part and every part below it."""
    yield node
    for child in node.children():
        yield from parts_of(child)
