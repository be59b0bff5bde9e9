"""Torch, transformers and peft at work. Runs only inside worker processes."""

import logging
import sys

# By this package, where there is one, bitsandbytes and transformers fetch compiled code from a hub
# as they load. Nothing runs here that was not installed, and that it is missing is no news.
sys.modules.setdefault("kernels", None)  # type: ignore[arg-type] # None: cannot be imported
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
