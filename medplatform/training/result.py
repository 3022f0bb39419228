"""What a training run hands over: the file `result.json`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from medplatform.lake.ledger import write_atomically


class RunResult(BaseModel):
    """The result of a finished run. While `is_pending`, MLflow does not know all of it yet."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    recipe: str
    run_name: str
    run_key: str
    run_folder: Path
    model_folder: Path
    model_digest: str
    dataset_digest: str
    config_digest: str
    metrics: dict[str, float]
    device: str
    epochs: int
    best_epoch: int
    resumed_at: int
    seconds: float
    loss_curve: Path
    trainer: str
    account: str = ""
    """USER@HOST of the training process."""
    is_synthetic: bool = False
    """Whether the patients were made up."""
    experiment_id: str | None = None
    run_id: str | None = None
    model_id: str | None = None
    is_pending: bool = True

    @property
    def model_uri(self) -> str | None:
        """Source of a model version in MLflow's registry; None while pending."""
        return f"models:/{self.model_id}" if self.model_id else None

    @classmethod
    def load(cls, path: Path) -> "RunResult":
        """Read a result."""
        return cls.model_validate_json(path.read_bytes())

    def save(self, path: Path) -> None:
        """Write a result atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, self.model_dump_json(indent=1).encode())
