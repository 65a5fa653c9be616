"""Runs TLC and judges its output: what other rooms may import from here."""

__all__ = ["distributed", "dot", "driver", "itf", "java", "job", "messages", "value"]
