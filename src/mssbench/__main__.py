"""``python -m mssbench`` is the ``mssbench`` command."""

import sys

from mssbench.cli import main

sys.exit(main())
