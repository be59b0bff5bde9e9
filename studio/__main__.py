"""``python -m studio`` is the command ``studio``."""

import sys

from studio.cli import main

sys.exit(main())
