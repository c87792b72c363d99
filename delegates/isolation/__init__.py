"""Engines in a child process: what aborts or hangs there costs an error here, and not the process."""
