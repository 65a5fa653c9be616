"""What every test shares: how hypothesis behaves here."""

import signal

from hypothesis import settings

# No deadline: how long an example takes on a shared machine says nothing about the program. The
# blob that a failure prints is the token that reproduces it.
settings.register_profile("leo", deadline=None, print_blob=True)
settings.load_profile("leo")

# A job in the background of a shell starts with Ctrl-C ignored, and its children inherit that; what
# Ctrl-C does is part of what the tests are about.
signal.signal(signal.SIGINT, signal.default_int_handler)
