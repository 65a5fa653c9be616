"""What every test shares: how hypothesis behaves here."""

from hypothesis import settings

# No deadline: how long an example takes on a shared machine says nothing about the program. The
# blob that a failure prints is the token that reproduces it.
settings.register_profile("leo", deadline=None, print_blob=True)
settings.load_profile("leo")
