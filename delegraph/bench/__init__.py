"""Benchmarks: a matrix of models and configurations, measured in turn, and the reports of it."""
