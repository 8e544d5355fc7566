"""Writes docs/reference-sdk.md out of the docstrings of flowhost.sdk; a test sees to it that the page is up to date.

Run: python tests/docs/reference_sdk.py
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference-sdk.md"
SOURCES = [
    ROOT / "flowhost" / "errors.py",
    ROOT / "flowhost" / "expr" / "unece.py",
    *sorted((ROOT / "flowhost" / "sdk").glob("*.py")),
]

SECTIONS = {
    "Messages": ["Message", "Meta", "Quality"],
    "Nodes": ["Node", "Source", "Trigger", "Emit", "Rejected", "Settlement", "Transform", "MessageTransform", "Outputs",
              "AsyncTransform", "StatefulTransform", "State", "Step", "Remembering", "StateForm", "Sink",
              "QueryOutcome"],
    "What a sink says": ["WriteOutcome", "Ok", "Retry", "Reject", "Unknown"],
    "Connections": ["Connection", "ConnectionTest", "Browse", "BrowseRequest", "Choice", "Choices"],
    "Labels": ["NodeSpec", "ConnectionSpec", "Port", "OUT"],
    "Configs": ["Config", "setting", "Secret", "Expression", "Template", "ucum_unit"],
    "Surroundings": ["NodeContext", "ConnectionContext", "Clock", "NoticeBoard", "Checkpoint"],
    "Announcing": ["hookimpl", "Function"],
    "Generated code (provisional)": ["InlineTransform", "CodeWriter"],
    "Errors": ["NodeError", "TemporaryError", "NotConnectedError", "PermanentError", "AuthenticationError",
               "UnknownOutcomeError", "MessageError", "EvaluationError", "ConfigError"],
}  # fmt: skip

HEAD = """# Reference: flowhost.sdk

All that a plugin may import, from its docstrings. [plugins.md](plugins.md) says how the parts are used together.
This page is written by `python tests/docs/reference_sdk.py`.
"""

Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign | ast.AnnAssign
Function = ast.FunctionDef | ast.AsyncFunctionDef


def page() -> str:
    """The whole page."""
    known = definitions()
    lines = [HEAD]
    for title, names in SECTIONS.items():
        lines.append(f"## {title}\n")
        for name in names:
            lines += [f"### `{name}`\n", *entry(known[name])]
        if title == "Announcing":
            lines += hooks(known["HookSpecs"])
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def entry(found: tuple[Definition, str]) -> Iterator[str]:
    """What there is to say of one name."""
    node, docs = found
    if isinstance(node, ast.ClassDef):
        yield from class_entry(node)
    elif isinstance(node, Function):
        yield f"`{signature(node)}`\n"
        yield markdown(ast.get_docstring(node) or "")
    else:
        yield f"```python\n{ast.unparse(node)}\n```\n"
        yield markdown(docs)


def class_entry(node: ast.ClassDef) -> Iterator[str]:
    bases = [ast.unparse(base) for base in node.bases]
    if bases:
        yield f"`class {node.name}({', '.join(bases)})`\n"
    yield markdown(ast.get_docstring(node) or "")
    for member in node.body:
        if isinstance(member, Function) and is_shown(member):
            yield f"**`{signature(member)}`**\n"
            yield markdown(ast.get_docstring(member) or "")
    yield from values(node)


def hooks(found: tuple[Definition, str]) -> Iterator[str]:
    """The hooks a plugin may implement."""
    node, _ = found
    assert isinstance(node, ast.ClassDef)
    for member in node.body:
        if isinstance(member, Function):
            yield f"### `{member.name}`\n"
            yield f"`{signature(member)}`\n"
            yield markdown(ast.get_docstring(member) or "")


def values(node: ast.ClassDef) -> Iterator[str]:
    """Class attributes with a value: members of an enum, defaults a subclass overrides."""
    pairs = zip(node.body, [*node.body[1:], None], strict=True)
    for member, following in pairs:
        if isinstance(member, ast.Assign | ast.AnnAssign) and member.value is not None and not private(member):
            docs = text_of(following)
            if docs or (isinstance(member, ast.AnnAssign) and "ClassVar" in ast.unparse(member.annotation)):
                yield markdown(f"`{ast.unparse(member)}`" + (f": {docs}" if docs else ""))


def definitions() -> dict[str, tuple[Definition, str]]:
    """Everything defined at the top of the modules, with the text that stands below values."""
    found: dict[str, tuple[Definition, str]] = {}
    for source in SOURCES:
        body = ast.parse(source.read_text(encoding="utf-8")).body
        for node, following in zip(body, [*body[1:], None], strict=True):
            if isinstance(node, ast.ClassDef | Function):
                found[node.name] = (node, "")
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                found[target(node)] = (node, text_of(following))
    return found


def target(node: ast.Assign | ast.AnnAssign) -> str:
    return ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target)


def private(node: ast.Assign | ast.AnnAssign) -> bool:
    return target(node).startswith("_") or target(node) == "model_config"


def text_of(node: ast.stmt | None) -> str:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return node.value.value.strip()
    return ""


def is_shown(node: Function) -> bool:
    overrides = any(ast.unparse(decorator) == "override" for decorator in node.decorator_list)
    return not overrides and (not node.name.startswith("_") or node.name == "__call__")


def signature(node: Function) -> str:
    """The head of a function in one line."""
    head = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    if any(ast.unparse(decorator) == "property" for decorator in node.decorator_list):
        return f"{node.name}{result}"
    arguments = re.sub(r"^(self|cls)(, )?", "", ast.unparse(node.args))
    return f"{head} {node.name}({arguments}){result}"


def markdown(docstring: str) -> str:
    """A Google-style docstring: its sections become lists."""
    lines: list[str] = []
    in_section = False
    for line in docstring.splitlines():
        if re.fullmatch(r"(Args|Attributes|Returns|Raises):", line):
            in_section = True
            lines += [f"*{line[:-1]}*", ""]
        elif in_section and re.match(r"    \S", line):
            name, colon, rest = line.strip().partition(": ")
            named = colon and re.fullmatch(r"[\w*]+", name)
            lines.append(f"- `{name}`: {rest}" if named else f"- {line.strip()}")
        elif in_section and line.startswith("     "):
            lines.append(f"  {line.strip()}")
        else:
            in_section = in_section and not line.strip()
            lines.append(line)
    return "\n".join(lines).strip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
