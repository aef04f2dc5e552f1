"""A folder that a subject finds first on its path: what is in it runs before the subject does."""
