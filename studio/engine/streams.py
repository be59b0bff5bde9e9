"""Random streams: a seed for each purpose, so that nothing random has a state to be saved."""

import hashlib


def stream_seed(seed: int, *names: object) -> int:
    """A seed for one purpose, far from the seeds of all others."""
    text = "/".join(str(part) for part in (seed, *names))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
