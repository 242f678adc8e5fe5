"""The verbs of the `mssbench` command, one module each."""
