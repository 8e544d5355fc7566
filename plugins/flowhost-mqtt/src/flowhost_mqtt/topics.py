"""Topic names and topic filters (MQTT 5, 4.7)."""

from __future__ import annotations

from flowhost_mqtt.packets import MAX_TEXT_BYTES

SHARED = "$share/"


def problem_of_topic(topic: str) -> str:
    """What is wrong with a topic to publish to, as the rest of a sentence; empty if nothing is."""
    if not topic:
        return "is empty; a message needs a topic"
    if "+" in topic or "#" in topic:
        return "holds a wildcard ('+' or '#'), which only subscriptions may use"
    return _problem_of_text(topic)


def problem_of_filter(topic: str) -> str:
    """What is wrong with a topic filter to subscribe to; empty if nothing is."""
    if not topic:
        return "is empty; write a topic filter such as plant/+/temp"
    if topic.startswith(SHARED):
        group, _, rest = topic.removeprefix(SHARED).partition("/")
        if not group or "+" in group or "#" in group or not rest:
            return "is not a shared subscription; write $share/group/filter"
        return problem_of_filter(rest)
    levels = topic.split("/")
    for index, level in enumerate(levels):
        if "#" in level and (level != "#" or index != len(levels) - 1):
            return "has a '#' that is not the whole last level"
        if "+" in level and level != "+":
            return "has a '+' that is not a whole level"
    return _problem_of_text(topic)


def matches(topic_filter: str, topic: str) -> bool:
    """Whether the filter lets the topic in; `#` also matches the level above it, and wildcards no leading `$`."""
    if topic_filter.startswith(SHARED):
        topic_filter = topic_filter.removeprefix(SHARED).partition("/")[2]
    wanted, given = topic_filter.split("/"), topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for index, level in enumerate(wanted):
        if level == "#":
            return True
        if index >= len(given) or level not in ("+", given[index]):
            return False
    return len(wanted) == len(given)


def _problem_of_text(topic: str) -> str:
    if "\0" in topic:
        return "holds a NUL character"
    if len(topic.encode(errors="replace")) > MAX_TEXT_BYTES:
        return f"is longer than {MAX_TEXT_BYTES} bytes"
    return ""
