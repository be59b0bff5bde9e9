"""Datasets and their rows, behind one object; its parts stand in files of their own."""

from studio.workbench.editing import Editing
from studio.workbench.importing import Transfer
from studio.workbench.lessons import Lessons


class RowService(Editing, Transfer, Lessons):
    """The datasets of a data folder: the rows in them, files in and out, what is learned."""

    __slots__ = ()
