"""What can go wrong with an experiment."""

from __future__ import annotations

from leo_model.errors import ModelError


class ExperimentError(ModelError):
    """An experiment was asked for that cannot be carried out, or its files cannot be used."""


class MissingLibraryError(ExperimentError):
    """The libraries of the extra `experiments` are not installed."""


class TranscriptError(ExperimentError):
    """A file is not a transcript in one of the two published formats."""
