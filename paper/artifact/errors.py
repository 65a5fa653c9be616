"""Why the artifact could not be made."""

from __future__ import annotations

from leo_model.errors import ModelError


class ArtifactError(ModelError):
    """A result that is missing or stale, or a program that the artifact needs and is not there."""
