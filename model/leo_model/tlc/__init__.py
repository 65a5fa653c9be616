"""TLC, run and believed with care: what other rooms may import from here."""

__all__ = ["distributed", "dot", "driver", "itf", "java", "job", "messages", "value"]
