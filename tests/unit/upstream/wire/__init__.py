"""The engine `wire`, part by part."""
