"""The trace of a run: its events, the recorder that writes them, the lines that a reader takes.

Other rooms import the files themselves: `events` (events and the interface of a recorder),
`recorder`, `lines` and `words` (reading, and error messages for a line), `lanes` (a table of
steps), `writer` (the thread that writes). None is loaded here, so that using one does not load
another.
"""

__all__ = ["events", "lanes", "lines", "recorder", "words", "writer"]
