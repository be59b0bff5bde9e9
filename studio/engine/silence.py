"""Quiet libraries: transformers and the Hub client say nothing and draw no progress bars."""

from transformers.utils import logging


def silence() -> None:
    """Errors are raised, everything else is left unsaid; cheap to call again."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
