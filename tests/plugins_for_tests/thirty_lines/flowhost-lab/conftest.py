# Within this repository the plugin is not installed: tests/docs copies it elsewhere, installs it and runs its test there.
collect_ignore = ["test_lab.py"]
