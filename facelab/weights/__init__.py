"""Shipped weights: NAME_humans.safetensors, each with its card NAME_humans.json; see README.md."""
