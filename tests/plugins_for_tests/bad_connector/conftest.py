# The connector is not installed here: tests/conformance copies this beside a sound one and runs it there.
collect_ignore = ["test_faults.py"]
