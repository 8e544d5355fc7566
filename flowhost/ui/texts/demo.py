"""Texts of the page that switches the demo's plant."""

from __future__ import annotations

DEMO_WORDS: dict[str, str] = {
    "demo.title": "Demo plant",
    "demo.text": (
        "Turn parts of the simulated plant off and on, and watch what becomes of the messages. The faults are real: "
        "servers go away and come back on the same port, the database is truly locked, a sensor really talks nonsense."
    ),
    "demo.switches": "Switches of the plant",
    "demo.broker": "MQTT broker",
    "demo.plc": "PLC (OPC UA)",
    "demo.meter": "Energy meter (Modbus)",
    "demo.database": "Database (plant.db)",
    "demo.broker.off": (
        "When off: nobody can connect. What flows publish waits on disk. The sensors keep nothing: what they measure "
        "meanwhile never reaches FlowHost."
    ),
    "demo.plc.off": (
        "When off: as if the controller had lost power. Flows that read it connect again by themselves and note the "
        "gap."
    ),
    "demo.meter.off": "When off: nobody answers the poll. It goes on by itself once the meter is back.",
    "demo.database.off": (
        "When off: another program takes the write lock of the file and keeps it, as a long maintenance job would. "
        "Rows wait on disk. FlowHost asks again after 0.5 s, then less often, at most a minute apart."
    ),
    "demo.sensor": "Old sensor of the capper",
    "demo.sensor.off": (
        "When broken: one reading in four is a word in place of the number, as from a broken wire. No flow can convert "
        "a word, so each becomes a dead letter; all other readings go on."
    ),
    "demo.sensor.on": "Measures",
    "demo.sensor.on_since": "Measures again since {since}",
    "demo.sensor.off_since": "Talks nonsense since {since}",
    "demo.sensor.turn_on": "Mend it",
    "demo.sensor.turn_off": "Break it",
    "demo.sensor.turn_on_named": "Mend: {name}",
    "demo.sensor.turn_off_named": "Break: {name}",
    "demo.sensor.turning_on": "Mending…",
    "demo.sensor.turning_off": "Breaking…",
    "demo.work": "Open the work list",
    "demo.readers": "Reads from it:",
    "demo.writers": "Delivers to it:",
    "demo.nobody": "No flow of this host uses it.",
    "demo.on": "On",
    "demo.on_since": "On again since {since}",
    "demo.off_since": "Off since {since}",
    "demo.turn_on": "Turn on",
    "demo.turn_off": "Turn off",
    "demo.turn_on_named": "Turn on: {name}",
    "demo.turn_off_named": "Turn off: {name}",
    "demo.turning_on": "Turning on…",
    "demo.turning_off": "Turning off…",
    "demo.column.flow": "What to watch",
    "demo.column.in": "In/s",
    "demo.column.out": "Delivered/s",
    "demo.column.waiting": "Waiting on disk",
    "demo.column.dead": "Open dead letters",
    "demo.hint.flow": "A flow, how it is, and where the messages of this run are",
    "demo.hint.in": "Messages brought in per second",
    "demo.hint.out": "Messages confirmed by their targets per second",
    "demo.hint.waiting": "Messages in the flow's queues on disk, and the last minute of it",
    "demo.hint.dead": "Messages that failed for good and wait on the work list for somebody",
    "demo.try": "Try it",
    "demo.step.1": (
        "Turn the broker off. “Line values over MQTT” goes on reading the PLC: its messages wait on disk. After ten "
        "seconds there is an alarm."
    ),
    "demo.step.2": "Turn it on. The backlog is delivered in order and falls to 0; delivered has caught up with in.",
    "demo.step.3": (
        "Do the same with the database, and count: the table telemetry in plant.db has one row for every message that "
        "“Line values to database” has delivered since it first ran, less those already there: a PLC sends its last "
        "values once more when it is reached again, and the same value of the same moment is the same message."
    ),
    "demo.step.4": (
        "Break the old sensor of the capper: its words are no temperatures, so they become dead letters. Open one on "
        "the work list, write a number for v, then “Save and retry”: it is converted and published."
    ),
    "demo.step.5": (
        "Or stop the whole demo while something is off, even with kill -9: the next start delivers what waited."
    ),
}
