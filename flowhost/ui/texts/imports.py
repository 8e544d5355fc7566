"""Words of the dialog that brings in flow files, in English."""

from __future__ import annotations

IMPORTS: dict[str, str] = {
    "import.title": "Import a flow",
    "import.text": (
        "Choose a flow file or paste its text. A new flow stays stopped until you start it. If a flow of the same id "
        "is here with other content, you see the differences and are asked. Comments in a file are not kept: what "
        "people should read belongs in descriptions and notes."
    ),
    "import.choose": "Choose file…",
    "import.placeholder": "flowhost: 1\nid: my-flow\nname: My flow\nnodes: …",
    "import.arrived.one": "{count} flow imported:",
    "import.arrived": "{count} flows imported:",
    "import.done.made": "{name} is imported. It stays stopped until you start it.",
    "import.done.copied": "{name} is imported as a copy. It stays stopped until you start it.",
    "import.done.replaced": "{name} is imported, as revision {revision}.",
    "import.do": "Import",
    "import.this": "This file",
    "import.replace": "Replace what is here",
    "import.copy": "Import as a copy",
    "import.skip": "Leave those out",
    "import.state.new": "{flow}, {count} nodes: new.",
    "import.state.same": "{flow}: is here already, the same. Nothing to do.",
    "import.state.exists": "{flow}, {count} nodes: is here already, with other content.",
    "import.nothing": "{flow} is here already, just the same: there is nothing to import.",
    "import.running": "It runs, and goes on with what you import.",
    "import.edited": "It has edits that are not deployed: they stay among its versions.",
    "import.missing": "No installed plugin brings {types}: those nodes keep their settings, but cannot run.",
    "import.differing": "It brings its own {names}, other than this host's of that name.",
    "import.errors.one": "It cannot start with this problem:",
    "import.errors": "It cannot start with these {count} problems:",
    "import.comments": "Its comments are not kept.",
    "import.use_host": "Use this host's connections where those in the file differ",
    "import.anyway": "Import anyway",
    "import.cancel": "Cancel",
    "import.empty": "There is nothing to import yet: choose a file or paste the text of one.",
    "import.too_big": "This file is larger than 900 kB, too large to be a flow file.",
    "import.busy": "Importing…",
    "import.faulty": "Imported, but it cannot start yet. Mend the file and import it again. {place}: {message} ",
}
