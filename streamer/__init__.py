"""Judges traced LLM conversations as they go quiet and keeps one verdict per judge on their first trace."""

__version__ = "0.1.0"
