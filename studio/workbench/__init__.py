"""What a tab or a command can ask, as small typed services in domain words.

Knows the store, the jobs, formats and methods; never a page and never torch.
"""

from studio.workbench.bench import Workbench

__all__ = ["Workbench"]
