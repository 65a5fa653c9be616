"""`python -m leo` is the command `leo`."""

import sys

from leo.commands.entry import main

sys.exit(main())
