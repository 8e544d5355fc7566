"""Strings that would run as code in a page that does not keep text as text, and a flow made of them."""

from __future__ import annotations

import json
from itertools import islice, product

RAN = "__ran"
RUN = f"window.{RAN}=(window.{RAN}||0)+1"
WAYS_IN = ("", '"', "'", '">', "'>", "-->", "</title>", "</textarea>", "</script>", "]]>", "`", "\\")
WAYS_TO_RUN = (
    f"<script>{RUN}</script>",
    f"<ScRiPt >{RUN}</sCrIpT>",
    f'<img src="data:," onerror="{RUN}">',
    f'<IMG SRC="data:," OnErRoR={RUN}>',
    f'<svg onload="{RUN}">',
    f"<svg><script>{RUN}</script></svg>",
    f'<svg><animate onbegin="{RUN}" attributeName=x dur=1s>',
    f'<body onload="{RUN}">',
    f'<iframe srcdoc="<script>{RUN.replace("window", "parent")}</script>"></iframe>',
    f'<details open ontoggle="{RUN}">',
    f'<video><source onerror="{RUN}"></video>',
    f'<input autofocus onfocus="{RUN}">',
    f'<a href="javascript:{RUN}">link</a>',
    f"[link](javascript:{RUN})",
    f'![image](data:," onerror="{RUN})',
    f"javascript:{RUN}",
    f'onmouseover="{RUN}" x="',
    f' autofocus onfocus="{RUN}" tabindex=1 ',
    f"{{{{constructor.constructor('{RUN}')()}}}}",
    f"${{{RUN}}}",
    f"</style><style onload='{RUN}'>",
    f'<math><mtext><img src="data:," onerror="{RUN}">',
    f'<object data="javascript:{RUN}"></object>',
    f"<template><script>{RUN}</script></template><noscript><p title='</noscript><script>{RUN}</script>'>",
    f'&lt;img src=x onerror="{RUN}"&gt;<img/src="data:,"/onerror="{RUN}">',
)
HOSTILE = tuple(islice((before + way for before, way in product(WAYS_IN, WAYS_TO_RUN)), 300))


def hostile_flow() -> str:
    """A flow file whose names, notes, topics, values and error texts are all hostile; it runs and fails for ever."""

    def quoted(text: str) -> str:
        return json.dumps(text, ensure_ascii=False)

    def some(number: int) -> str:
        return quoted(HOSTILE[number % len(HOSTILE)])

    messages = ",".join(
        f"{{payload: {{name: {quoted(text)}, {quoted(text)}: 1}}, topic: {quoted(text)}, key: {quoted(text)}, "
        f"headers: {{{quoted(text)}: {quoted(text)}}}}}"
        for text in HOSTILE
    )
    nodes = [
        f"  source: {{type: inject, name: {some(1)}, config: {{messages: [{messages}], every_s: 1}}}}",
        f"  broken: {{type: map, name: {some(2)}, config: {{set: {{n: number(payload.name)}}}}}}",
        f"  told: {{type: log, name: {some(3)}, config: {{level: warning}}}}",
    ]
    nodes += [f"  n{number}: {{type: discard, name: {quoted(text)}}}" for number, text in enumerate(HOSTILE)]
    wires = [
        "  - source -> broken",
        "  - broken -> told",
        "  - source -> told",
        *(f"  - source -> n{n}" for n in range(len(HOSTILE))),
    ]
    places = [f"n{n}: [{400 + n % 20 * 240}, {n // 20 * 110}]" for n in range(len(HOSTILE))]
    places += ["source: [0, 0]", "broken: [200, 120]", "told: [200, 240]"]
    return "\n".join([
        "flowhost: 1", "id: large", f"name: {some(4)}", f"area: {some(5)}", f"description: {some(6)}",
        "nodes:", *nodes, "wires:", *wires, f"layout: {{nodes: {{{', '.join(places)}}}}}", "",
    ])  # fmt: skip
