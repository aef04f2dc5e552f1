"""Tandem in Litestar."""
