"""The frame around every page: navigation, state of the host, light and dark, and what is said when the line breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nicegui import ui

from flowhost.services.host_views import HostStatus
from flowhost.ui import format as fmt
from flowhost.ui.alarm_bell import AlarmBell
from flowhost.ui.live import Live
from flowhost.ui.tags import Button, Tag, icon, link
from flowhost.ui.texts import t

PAGES = (
    ("flows", "/"), ("work", "/work"), ("runs", "/runs"), ("connections", "/connections"), ("plugins", "/plugins"),
)  # fmt: skip
DEMO = ("demo", "/demo")


class Frame:
    """What a page may do with its frame."""

    def __init__(self, stale: Tag, content: Tag) -> None:
        self._stale = stale
        self._content = content

    def stale(self, detail: str) -> None:
        """Say that the figures are old."""
        self._stale.set_text(t("stale.banner", detail=detail)).show_if(condition=True)
        self._content.look("fh-main fh-stale")

    def gone(self, text: str) -> None:
        """Say that what the page shows is there no more."""
        self._stale.set_text(text).show_if(condition=True)
        self._content.look("fh-main fh-stale")

    def fresh(self) -> None:
        """Take that back."""
        self._stale.show_if(condition=False)
        self._content.look("fh-main")


@contextmanager
def frame(live: Live, page: str, title: str) -> Iterator[Frame]:
    """Header and banners, then the page's own content.

    Args:
        live: feeds of the pages.
        page: which entry of the navigation is lit.
        title: of the browser's tab.
    """
    ui.page_title(f"{title} · {t('app.name')}")
    link(t("nav.skip"), "#content", "fh-skip")
    with Tag("header", "", "fh-header"):
        with Tag("a", "", "fh-brand", href="/", aria_label=t("app.name")):
            Tag("span", "", "fh-logo", aria_hidden="true")
            Tag("span", t("app.name"))
        with Tag("nav", "", "fh-nav", aria_label=t("nav.label")):
            for name, target in pages(live):
                item = link(t(f"nav.{name}"), target, "fh-nav-item")
                if name == page:
                    item.put("aria-current", "page")
                if name == "work":
                    with item:
                        work = OpenWork()
        Tag("div", "", "fh-grow")
        alarms = AlarmBell()
        health = HostHealth()
        theme_switch()
    with Tag("div", "", "fh-banner fh-banner-lost", id="fh-lost", role="status"):
        Tag("span", t("lost.banner"))
        Tag("span", "", "fh-lost-age", data_words=t("lost.age"), aria_hidden="true")
    stale = Tag("div", "", "fh-banner", role="status", data_testid="stale").show_if(condition=False)

    def show_host(status: HostStatus) -> None:
        health.show(status)
        work.show(status.dead_letters)

    # what is known already stands there at once
    if live.status.newest is not None:
        show_host(live.status.newest)
    if live.alarms.newest is not None:
        alarms.show(live.alarms.newest)
    live.status.follow(show_host, health.unknown)
    live.alarms.follow(alarms.show, lambda _: None)
    with Tag("div", "", "fh-main", data_testid="content").put("id", "content") as content:
        yield Frame(stale, content)


def pages(live: Live) -> tuple[tuple[str, str], ...]:
    """Entries of the navigation: name and address."""
    return (*PAGES, DEMO) if live.is_demo else PAGES


class OpenWork(Tag):
    """How much there is on the work list; nothing while there is nothing."""

    def __init__(self) -> None:
        super().__init__("span", "", "fh-nav-count", data_testid="work-count")
        self.visible = False

    def show(self, number: int) -> None:
        """Show this number."""
        self.set_text(fmt.short_count(number)).put("title", t("nav.work_count", count=fmt.count(number)))
        self.show_if(number)


class HostHealth(Tag):
    """One dot and one sentence on the host."""

    def __init__(self) -> None:
        super().__init__("span", "", "fh-health", data_testid="host-health", data_unknown=t("host.unknown"))
        with self:
            self._dot = Tag("span", "", "fh-dot fh-dot-off")
            self._word = Tag("span")

    def show(self, status: HostStatus) -> None:
        """Show what the host says of itself."""
        self._dot.look(f"fh-dot fh-dot-{'ok' if status.ready else 'bad'}")
        reason = "; ".join(status.not_ready)
        self._word.set_text(t("host.ready") if status.ready else t("host.not_ready", reason=reason))
        minutes = status.uptime_s if status.uptime_s < 60 else status.uptime_s // 60 * 60
        self.put(
            "title",
            t("host.hover", version=status.version, uptime=fmt.duration(minutes), data_dir=status.data_dir),
        )

    def unknown(self, detail: str) -> None:
        """Show that it says nothing."""
        self._dot.look("fh-dot fh-dot-off")
        self._word.set_text(t("host.unknown"))
        self.put("title", detail)


def theme_switch() -> None:
    """Light, dark or as the system has it; the browser remembers."""
    with Tag("button", "", "fh-icon-button", type="button", title=t("theme.switch"), data_testid="theme") as button:
        button.put("aria-label", t("theme.switch"))
        for name, classes in (("brightness_auto", "system"), ("light_mode", "light"), ("dark_mode", "dark")):
            icon(name, f"fh-theme-{classes}")
    button.on("click", js_handler="() => window.flowhostTheme.next()")


def empty_state(icon_name: str, title: str, text: str) -> Tag:
    """A page or list without content: says what it is for and what to do next."""
    with Tag("section", "", "fh-empty") as box:
        icon(icon_name)
        Tag("h2", title)
        Tag("p", text)
    return box


def not_found(title: str, text: str, back: str, target: str) -> None:
    """The thing a page was opened for is not there."""
    with empty_state("search_off", title, text):
        link(back, target, "fh-link")


class Alert(Tag):
    """An error in plain words, shown until dismissed or put right.

    Args:
        on_dismiss: called when the user has read it; hides it if left out.
    """

    def __init__(self, on_dismiss: Callable[[], None] | None = None) -> None:
        super().__init__("div", "", "fh-alert", role="alert")
        self.visible = False
        with self:
            icon("error_outline")
            self._words = Tag("div", "", "fh-alert-text", data_testid="alert")
            Button(t("error.dismiss"), "close", on_dismiss or self.take_back, "fh-quiet")

    def say(self, text: str) -> None:
        """Show this error."""
        self._words.set_text(text)
        self.show_if(condition=True)

    def take_back(self) -> None:
        """Hide it."""
        self.show_if(condition=False)
