"""Questions of forms and editors: JSON in, JSON out, whichever way they come in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowhost.errors import ConfigError, FlowHostError
from flowhost.graph.document import ConnectionEntry
from flowhost.services.access import Principal
from flowhost.services.flow_names import called

if TYPE_CHECKING:
    from flowhost.services.host import Host

Args = Mapping[str, Any]
Handler = Callable[[Principal, Args], Awaitable[Any]]

_KINDS: Mapping[type, tuple[type, ...]] = {str: (str,), int: (int,), dict: (dict,), list: (list,)}


class Asks:
    """Answers by name of the question; what each takes stands at its method."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._handlers: dict[str, Handler] = {
            "connections": self._connections,
            "connection.types": self._types,
            "connection.check": self._check,
            "connection.create": self._create,
            "connection.change": self._change,
            "connection.delete": self._delete,
            "connection.test": self._test,
            "connection.try": self._try,
            "secrets": self._secrets,
            "secret.put": self._put_secret,
            "secret.delete": self._delete_secret,
            "browse": self._browse,
            "node.example": self._example,
            "expression.words": self._words,
            "expression": self._expression,
            "sample": self._sample,
            "case.keep": self._keep,
            "cases": self._cases,
            "hand.saved": self._saved,
            "hand.send": self._send,
            "template.make": self._make,
            "flows.find": self._find,
            "text": self._text,
            "text.read": self._read_text,
        }

    async def answer(self, principal: Principal, what: Any, args: Any) -> dict[str, Any]:
        """`{ok: true, value}`, or `{ok: false, error, place}` in words for the person who asks."""
        handler = self._handlers.get(what) if isinstance(what, str) else None
        if handler is None or not isinstance(args, dict):
            return {"ok": False, "error": f"there is no question {what!r}", "place": ""}
        try:
            return {"ok": True, "value": await handler(principal, args)}
        except ConfigError as error:
            return {"ok": False, "error": error.message, "place": error.place}
        except FlowHostError as error:
            return {"ok": False, "error": str(error), "place": ""}

    async def _connections(self, who: Principal, _: Args) -> Any:
        return [asdict(view) for view in await self._host.connections.list(who)]

    async def _types(self, who: Principal, _: Args) -> Any:
        return await self._host.connections.types(who)

    async def _check(self, who: Principal, args: Args) -> Any:
        found = await self._host.connections.check(who, take(args, "type", str), take(args, "config", dict))
        return [asdict(problem) for problem in found]

    async def _create(self, who: Principal, args: Args) -> Any:
        name, kind, config = take(args, "name", str), take(args, "type", str), take(args, "config", dict)
        return asdict(await self._host.connections.create(who, name, kind, config, _typed(args)))

    async def _change(self, who: Principal, args: Args) -> Any:
        name, config, version = take(args, "name", str), take(args, "config", dict), take(args, "version", int)
        return self._told(asdict(await self._host.connections.change_soon(who, name, config, version, _typed(args))))

    def _told(self, changed: dict[str, Any]) -> dict[str, Any]:
        """With the flows that started anew as people call them: a page says them, nothing else."""
        names = {live.id: called(live.document.name, live.id) for live in self._host.flows.all_live()}
        told = ("restarted", "restarting")
        return {**changed, **{key: [names.get(flow, flow) for flow in changed[key]] for key in told if key in changed}}

    async def _delete(self, who: Principal, args: Args) -> Any:
        await self._host.connections.delete(who, take(args, "name", str))

    async def _test(self, who: Principal, args: Args) -> Any:
        return asdict(await self._host.connections.test(who, take(args, "name", str)))

    async def _try(self, who: Principal, args: Args) -> Any:
        kind, config = take(args, "type", str), take(args, "config", dict)
        name, flow = take(args, "name", str, "new"), take(args, "flow", str, "") if args.get("own") else ""
        return asdict(await self._host.connections.try_out(who, kind, config, name or "new", flow, _typed(args)))

    async def _secrets(self, who: Principal, _: Args) -> Any:
        return [asdict(view) for view in await self._host.secrets.list(who)]

    async def _put_secret(self, who: Principal, args: Args) -> Any:
        return self._told(asdict(await self._host.secrets.put(who, take(args, "name", str), take(args, "value", str))))

    async def _delete_secret(self, who: Principal, args: Args) -> Any:
        await self._host.secrets.delete(who, take(args, "name", str))

    async def _browse(self, who: Principal, args: Args) -> Any:
        name, own = take(args, "connection", str), take(args, "own", dict, None)
        entry = None
        if own is not None:
            entry = ConnectionEntry(name=name, type=take(own, "type", str), config=take(own, "config", dict, {}))
        request = {
            "what": take(args, "list", str), "under": take(args, "under", str, ""),
            "search": take(args, "search", str, ""), "config": take(args, "config", dict, {}),
        }  # fmt: skip
        link = name if entry is None else (entry, take(args, "flow", str, ""))
        return await self._host.connections.browse(who, link, request)

    async def _example(self, who: Principal, args: Args) -> Any:
        return await self._host.plugins.example(who, take(args, "type", str))

    async def _words(self, who: Principal, _: Args) -> Any:
        return await self._host.samples.words(who)

    async def _expression(self, who: Principal, args: Args) -> Any:
        message, template = take(args, "message", dict, None), args.get("template") is True
        return await self._host.samples.evaluate(who, take(args, "text", str), message, template=template)

    async def _sample(self, who: Principal, args: Args) -> Any:
        given, advance = take(args, "given", dict), take(args, "advance", str, "")
        return await self._host.samples.run(who, take(args, "flow", str), given, advance)

    async def _keep(self, who: Principal, args: Args) -> Any:
        return str(await self._host.samples.keep(who, take(args, "flow", str), take(args, "case", dict)))

    async def _cases(self, who: Principal, args: Args) -> Any:
        return await self._host.samples.cases(who, take(args, "flow", str))

    async def _saved(self, who: Principal, args: Args) -> Any:
        return asdict(await self._host.hand.saved(who, take(args, "flow", str), take(args, "node", str)))

    async def _send(self, who: Principal, args: Args) -> Any:
        flow, node, only = take(args, "flow", str), take(args, "node", str), take(args, "only", int, None)
        return asdict(await self._host.hand.send(who, flow, node, only))

    async def _make(self, who: Principal, args: Args) -> Any:
        template, name, area = take(args, "template", str), take(args, "name", str), take(args, "area", str, "")
        connections, values = take(args, "connections", dict), take(args, "values", dict)
        start = args.get("start") is True
        return asdict(
            await self._host.templates.make(who, template, name.strip(), area.strip(), connections, values, start=start)
        )

    async def _find(self, who: Principal, args: Args) -> Any:
        return asdict(await self._host.search.find(who, take(args, "words", str), flows=True))

    async def _text(self, who: Principal, args: Args) -> Any:
        rev, text = await self._host.texts.text(who, take(args, "flow", str))
        return {"rev": rev, "text": text}

    async def _read_text(self, who: Principal, args: Args) -> Any:
        flow, text, base = take(args, "flow", str), take(args, "text", str), take(args, "base", str)
        return asdict(await self._host.texts.read(who, flow, text, base))


def _typed(args: Args) -> Mapping[str, str]:
    """Secrets that were typed into the form, by name. What is wrong is said without quoting them."""
    typed: Mapping[str, str] = take(args, "secrets", dict, {})
    if not all(isinstance(value, str) for value in typed.values()):
        raise ConfigError("a secret is text", "secrets")
    return typed


def take(args: Args, name: str, kind: type, default: Any = ...) -> Any:
    """An argument. Raises `ConfigError` where it is missing or of another kind."""
    value = args.get(name, default)
    if value is default and default is not ...:
        return default
    if not isinstance(value, _KINDS[kind]) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"must be {kind.__name__}, not {type(value).__name__}", name)
    return value
