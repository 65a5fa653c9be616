"""The trace of a run: its events, the recorder that writes them, the lines that a reader takes.

Other rooms import the files themselves: `events` (what a recorder is told), `recorder`, `lines` and
`words` (reading, and saying what is wrong with a line), `lanes` (a table of steps), `writer` (the
thread that writes). None of them is loaded here, so that naming one costs no other.
"""

__all__ = ["events", "lanes", "lines", "recorder", "words", "writer"]
