"""Every schedule of the organism, and of anything that can be executed again and again."""
