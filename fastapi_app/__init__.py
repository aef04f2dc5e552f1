"""Tandem in FastAPI."""
