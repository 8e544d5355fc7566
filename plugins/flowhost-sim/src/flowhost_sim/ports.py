"""TCP ports: which are free on this machine."""

import socket
import sys


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    try:
        _bind(host, port)
    except OSError:
        return False
    return True


def free_port(host: str, preferred: int) -> int:
    """The preferred port where it is free (0: none is preferred), else one the system picks."""
    return preferred if preferred and is_free(host, preferred) else _bind(host, 0)


def _bind(host: str, port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        if sys.platform == "win32":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the servers do: TIME_WAIT is free
        probe.bind((host, port))
        return int(probe.getsockname()[1])
