"""The web server: who may come in, in which language, and what is served. Never torch."""
