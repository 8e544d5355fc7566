"""The workbench: a process beside the host in which things are tried out.

Testing a connection, looking around in a device and sending a sample through a draft run code of plugins and of people.
None of it may hold up the host, and none of it is worth a worker, so it has a process of its own, begun when needed and
ended when it does not answer in time.
"""

from flowhost.services.workbench.bench import Workbench

__all__ = ["Workbench"]
