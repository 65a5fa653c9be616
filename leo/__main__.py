"""`python -m leo` is the command `leo`."""

# Not a block at the end of leo.commands.main: run as __main__, that file would define a second
# class Command, and the commands made from the first would not be recognised.
import sys

from leo.commands.main import main

sys.exit(main())
