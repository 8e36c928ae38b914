"""Sprites in files: rendering, writing, reading, describing them."""
