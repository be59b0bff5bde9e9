"""Everything that is served, as one application. Knows nothing of its guard.

Gradio reads its environment when it is imported: import this after `serving.quiet`.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import gradio as gr
from fastapi import FastAPI
from gradio.context import Context
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from studio import app
from studio.core.words import LANGUAGES, assets_folder, words
from studio.ui import look
from studio.web import plotting
from studio.web.entrance import Entrance
from studio.web.front import Front
from studio.web.languages import LanguageSwitch, change
from studio.web.offer import Offer
from studio.workbench import Workbench


def build(bench: Workbench, entrance: Entrance, language: str | None = None) -> Starlette:
    """All routes over ``bench``, without their guard; ``language`` is that of newcomers.

    Without one, newcomers get that of their browser.
    """
    pages = {spoken: _page(bench, spoken) for spoken in LANGUAGES}

    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for page in pages.values():
                await stack.enter_async_context(page.router.lifespan_context(page))
            yield

    fronts = {spoken: Front(page, spoken) for spoken, page in pages.items()}
    spoken_pages = LanguageSwitch(fronts, language)
    routes = [
        *entrance.routes(),
        Route("/language", change, methods=["GET"]),
        Route(plotting.PATH, plotting.script, methods=["GET"]),
        Mount("/page", StaticFiles(directory=assets_folder() / "page"), name="page"),
        Mount("/", Offer(spoken_pages, bench.data.exports), name="gradio"),
    ]
    return Starlette(routes=routes, lifespan=living)


def _page(bench: Workbench, language: str) -> FastAPI:
    """The page in one language. Its parts are numbered from one, after each start the same."""
    spoken = words(language)
    Context.id = 1
    mounted: FastAPI = gr.mount_gradio_app(
        FastAPI(docs_url=None, redoc_url=None, openapi_url=None),
        app.build(bench, spoken),
        path="/",
        allowed_paths=[str(bench.data.exports)],
        **look.mounting(),
    )
    return mounted
