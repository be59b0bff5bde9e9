"""Finetune Studio: teach a language model on one's own machine."""

__version__ = "0.1.0"
