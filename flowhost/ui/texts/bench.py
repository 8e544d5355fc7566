"""Words of what is tried out beside the canvas, in English; its scripts take all of them at once."""

from __future__ import annotations

BENCH_WORDS: dict[str, str] = {
    "no_answer": "The host has not answered. Try again.",
    # connections
    "link_new": "New connection",
    "link_edit": "Connection {name}",
    "link_type": "What it leads to",
    "link_name": "Name",
    "link_name_help": "As flows name it: letters, digits, '-' and '_', beginning with a letter.",
    "link_shared": "For all flows of this host",
    "link_own": "For this flow alone; it travels with the flow file",
    "link_loading": "Asking the host which kinds there are …",
    "link_test": "Test",
    "link_testing": "Trying it out …",
    "link_save": "Save",
    "link_saving": "Saving …",
    "link_cancel": "Cancel",
    "link_unsaved": "Not saved yet. Save it, or press Cancel again to give it up.",
    "link_restarts": "Saving starts these flows anew: {flows}. What waits in them stays on disk.",
    "link_restarted": "Started anew with the changed connection: {flows}",
    "link_not_kept": "The flow could not take it; look at the message at the bottom of the canvas.",
    "link_of_flow": "This flow's own",
    "link_of_host": "Shared by all flows",
    # pick lists
    "pick_button": "Look what there is",
    "pick_title": "Pick: {field}",
    "pick_search": "Search",
    "pick_looking": "Looking …",
    "pick_nothing": "Nothing here.",
    "pick_again": "Look again",
    "pick_open": "Open",
    "pick_take": "Take it",
    "pick_take_many": "Take these {count}",
    "pick_names": "Names there are at the target",
    # state of a connection
    "link_state_up": "Connected",
    "link_state_down": "Not connected",
    "link_state_idle": "Not in use",
    "link_state_unknown": "Unknown",
}
