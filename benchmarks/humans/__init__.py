"""Probes: small, honest models trained only on synthetic people, the same recipe every time."""
