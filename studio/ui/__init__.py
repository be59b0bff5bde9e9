"""The page: one file a tab, each a form of what the workbench can do. Never torch."""
