"""The transition system: what other rooms may import from here."""

__all__ = [
    "dsg", "forget", "machine", "narrate", "properties", "published", "reachable", "state", "steps",
]  # fmt: skip
