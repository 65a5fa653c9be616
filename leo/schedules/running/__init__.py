"""One run of a user's calls: its loop and threads, what it sees of the world, its objects' shape.

Other files of `leo.schedules` import these; `loop.py` and `threads.py` import none of the others.
"""

__all__ = [
    "choosing", "database", "fields", "loop", "places", "shape", "threads", "watch", "world",
]  # fmt: skip
