"""The algebra of the field, exactly: decay, sensitivity, counting, load, chance."""

__all__ = ["index"]
