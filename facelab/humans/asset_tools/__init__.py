"""Rebuild the renderer's assets from the public MakeHuman files."""
