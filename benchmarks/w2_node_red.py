"""Node-RED's side of the MQTT benchmark: turns into the Node.js process, so that its id is the one measured.

Run: python benchmarks/w2_node_red.py PORT QOS
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from node_red import FOLDER, obtain
from node_red_flows import mqtt

if __name__ == "__main__":
    folder = FOLDER / "mqtt"
    folder.mkdir(exist_ok=True)
    command = obtain().command(folder, mqtt(int(sys.argv[1]), int(sys.argv[2])))
    os.execv(command[0], command)
