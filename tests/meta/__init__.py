"""Tests of the tests, of the twins and of the papers."""
