"""``python -m benchmarks.selfplay``; see `benchmarks.selfplay.command`."""

import sys

from benchmarks.selfplay.command import main

sys.exit(main(sys.argv[1:]))
