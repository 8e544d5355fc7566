"""Plain HTML elements that hold text as text, never as markup, and send a change only if there is one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from nicegui.elements.mixins.text_element import TextElement


class Tag(TextElement):
    """One HTML element.

    Args:
        tag: such as `div` or `td`.
        text: shown as a text node, so it may come from the plant.
        classes: CSS classes, separated by blanks.
        **attributes: HTML attributes; `aria_label` becomes `aria-label`, `class_` is not one of them.
    """

    def __init__(self, tag: str, text: str = "", classes: str = "", **attributes: Any) -> None:
        super().__init__(tag=tag, text=text)
        if classes:
            self.classes(classes)
        for name, content in attributes.items():
            self.props[name.replace("_", "-")] = content
        if "data_testid" in attributes:
            self.mark(attributes["data_testid"])

    def put(self, name: str, content: Any) -> Self:
        """Set an attribute, if it differs; None takes it away."""
        if content is None:
            self.props.pop(name, None)
        elif self.props.get(name) != content:
            self.props[name] = content
        return self

    def look(self, classes: str) -> Self:
        """Replace all CSS classes, if they differ."""
        wanted = classes.split() + ([] if self.visible else ["hidden"])
        if list(self.classes) != wanted:
            self.classes(replace=" ".join(wanted))
        return self

    def show_if(self, condition: object) -> Self:
        """Show or hide the element; hidden ones take no room."""
        self.visible = bool(condition)
        return self


def icon(name: str, classes: str = "") -> Tag:
    """A bundled icon by its Material name; decorative, so screen readers skip it."""
    return Tag("i", name, f"material-icons fh-icon {classes}", aria_hidden="true")


def link(text: str, target: str, classes: str = "") -> Tag:
    """A link to another page of ours."""
    return Tag("a", text, classes, href=target)


class Field(Tag):
    """A text field of the page; what is typed is told after a short rest, and always before a click or Enter.

    Args:
        tag: `input` or `textarea`.
        tell: told the whole text.
        classes: CSS classes besides those of every field.
        rest_s: pause in typing after which it is told, seconds.
        **attributes: as of `Tag`.
    """

    def __init__(
        self, tag: str, tell: Callable[[str], Any], classes: str = "", rest_s: float = 0.15, **attributes: Any
    ) -> None:
        super().__init__(tag, "", f"fh-input {classes}".strip(), **attributes)
        later = f"(e) => window.flowhostTyping.later(e.target, () => emit(e.target.value), {round(rest_s * 1000)})"
        self.on("input", lambda event: tell(str(event.args or "")), js_handler=later)


class Labelled(Tag):
    """A text field with its label above, as in the forms of the editor; it begins empty.

    Args:
        label: what is to be typed.
        tag: `input` or `textarea`.
        tell: told the whole text.
        text: help below the field.
        **attributes: of the field, as of `Tag`.
    """

    def __init__(self, label: str, tag: str, tell: Callable[[str], Any], text: str = "", **attributes: Any) -> None:
        super().__init__("div", "", "fe-field")
        with self, Tag("div", "", "fe-field-head"):
            self._label = Tag("label", label, "fe-label")
        with self:
            self._place = Tag("div")
            if text:
                Tag("div", text, "fe-help")
        attributes |= {"spellcheck": "false", "autocomplete": "off"}
        self._make: Callable[[], Field] = partial(Field, tag, tell, **attributes)
        self.fresh()

    def fresh(self) -> Field:
        """Another, empty field in its place: what was typed before stays nowhere."""
        self._place.clear()
        with self._place:
            made = self._make()
        self._label.put("for", made.html_id)
        return made


class Button(Tag):
    """A flat button with an icon and a word; while busy it says so and takes no clicks."""

    def __init__(
        self, text: str, icon_name: str, on_click: Callable[[], Any], kind: str = "", **attributes: Any
    ) -> None:
        super().__init__("button", "", f"fh-button {kind}".strip(), type="button", **attributes)
        with self:
            self._icon = icon(icon_name)
            self._word = Tag("span", text)
        self._idle = (text, icon_name)
        self.on("click", on_click)

    def rename(self, text: str) -> None:
        """Give it another word."""
        self._idle = (text, self._idle[1])
        self._word.set_text(text)

    def busy(self, text: str | None) -> None:
        """Show that something is under way, in words; None ends it."""
        word, name = self._idle
        self._word.set_text(text or word)
        self._icon.set_text("autorenew" if text else name)
        self._icon.look("material-icons fh-icon fh-spin" if text else "material-icons fh-icon")
        self.put("disabled", True if text else None)


class Tick(Tag):
    """A box to tick with its words, and help below that says what it means.

    Args:
        text: what is ticked.
        **attributes: of the box, as of `Tag`.

    Attributes:
        ticked: it is.
    """

    def __init__(self, text: str, **attributes: Any) -> None:
        super().__init__("div", "", "fe-tick")
        self.ticked = True
        with self, Tag("label"):
            self._place = Tag("span")
            Tag("span", text)
        with self:
            self._help = Tag("div", "", "fe-help")
        self._attributes = attributes

    def ask(self, help_text: str) -> None:
        """Show it, ticked, with what it means now."""
        self._help.set_text(help_text)
        self._place.clear()
        self.ticked = True
        with self._place:
            box = Tag("input", "", "", type="checkbox", checked=True, **self._attributes)
        box.on("change", self._keep, js_handler="(e) => emit(e.target.checked)")
        self.show_if(condition=True)

    def _keep(self, event: Any) -> None:
        self.ticked = bool(event.args)
