"""The drawing library of the page's charts, as the installed plotly package brings it.

One file, sent only to a page that draws; a browser that has it asks whether it is still the same.
"""

from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

PATH = "/page/plotly.js"
_FILE = "plotly.min.js"


def library() -> Path:
    """The folder in which the installed package keeps its script; the package is not loaded."""
    found = find_spec("plotly")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "package_data"


_FILES = StaticFiles(directory=library())


async def script(request: Request) -> Response:
    """The script, or 304 where the browser has it."""
    return await _FILES.get_response(_FILE, request.scope)
