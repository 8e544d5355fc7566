"""What the paths of a flow promise: its name, and in plain words what may be lost and when."""

GUARANTEES: dict[str, str] = {
    "guarantee.heading": "What is promised",
    "guarantee.best_effort": "Best effort",
    "guarantee.at_least_once": "At least once",
    "guarantee.effectively_once": "Effectively once",
    "guarantee.then_at_least_once": "Best effort up to FlowHost, then at least once",
    "guarantee.then_effectively_once": "Best effort up to FlowHost, then effectively once",
    "guarantee.means.best_effort": (
        "A message can be lost on the way if something is away, full or ends at the wrong moment."
    ),
    "guarantee.means.at_least_once": (
        "No message is lost. After a kill, a broken link or an answer that never came, one may count twice."
    ),
    "guarantee.means.effectively_once": "No message is lost, and each counts once, however often it is sent.",
    "guarantee.means.then_at_least_once": (
        "Lost is only what the source sends while FlowHost, this flow or the link to the source is down: it cannot be "
        "fetched later. Whatever FlowHost has taken over is not lost any more, but may count twice."
    ),
    "guarantee.means.then_effectively_once": (
        "Lost is only what the source sends while FlowHost, this flow or the link to the source is down: it cannot be "
        "fetched later. Whatever FlowHost has taken over is not lost any more, and counts once."
    ),
    "guarantee.from": "From {source}",
    "guarantee.failed_from": "From {source}, what failed on the way",
    "guarantee.reason": "{node}: {text}",
    "guarantee.reason_remedy": "{node}: {text}; {remedy}",
}
