"""Torch, transformers and peft at work. Runs only inside worker processes."""
