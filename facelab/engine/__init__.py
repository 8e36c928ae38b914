"""Budgets, weights and the loop: the only room that knows about devices and processes."""
