"""The MLflow model of a trained run.

MLflow copies this file beside the weights and runs it where the model is loaded: nothing is
pickled, and what decides the model stands in the weights' own file.
"""

from typing import Any

import numpy as np
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel

from mssbench.commands.separate_recordings import OVERLAP, usual_segment
from mssbench.models.base import Separator
from mssbench.recordings.separating import written_targets
from mssbench.recordings.trained import load_run
from mssbench.separation import SeparationConfig, separate_song


class SavedSeparator(PythonModel):
    """Separates mixtures of any length at the rate that the model was trained at."""

    def load_context(self, context: Any) -> None:
        """Load the weights."""
        self.model, self.config = load_run(context.artifacts["weights"])
        assert isinstance(self.model, Separator)
        self.cut = SeparationConfig(usual_segment(self.model, self.config), OVERLAP)

    def predict(
        self, context: Any, model_input: np.ndarray, params: dict[str, Any] | None = None
    ) -> np.ndarray:
        """Separate mixtures (batch, channels, samples) to (batch, targets, channels, samples)."""
        normalise = self.config["training"].get("normalise") == "song"
        targets = written_targets(self.model)
        separated = []
        for song in np.asarray(model_input, np.float32):
            stems = song[np.newaxis]
            blocks = separate_song(self.model, stems, ["mixture"], self.cut, normalise=normalise)
            pieces = [np.stack([block[target] for target in targets]) for block in blocks]
            separated.append(np.concatenate(pieces, axis=-1))
        return np.stack(separated)


set_model(SavedSeparator())
