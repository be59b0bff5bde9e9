"""Processes: starting, watching, stopping and finding them again. Never imports torch."""
