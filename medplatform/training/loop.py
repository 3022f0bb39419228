"""The training loop: one function, read from top to bottom.

It knows no recipe, no tracking and no orchestrator. An epoch depends on its number, the weights
and the optimiser alone: all random numbers are seeded anew for each epoch. Therefore a run that
was killed and resumed from its checkpoint ends with the same weights as one that was not.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from medplatform.training.checkpoint import load_checkpoint, save_checkpoint
from medplatform.training.device import autocast, make_deterministic
from medplatform.training.images.resident import Resident
from medplatform.training.learner import Learner
from medplatform.training.recipe import TrainingConfig, TrainingError

WARMUP = 0.15
CLIP_NORM = 1.0

Tensors = tuple[Tensor, Tensor]
Report = Callable[[int, dict[str, float]], None]


class TrainingDiverged(TrainingError):
    """The loss is no longer a number."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A model with its best weights, on the CPU; `resumed_at` epochs were done before."""

    model: nn.Module
    best_epoch: int
    history: list[dict[str, float]]
    resumed_at: int


def train(
    learner: Learner[Any],
    config: TrainingConfig,
    training: Tensors,
    validation: Tensors,
    *,
    device: torch.device,
    checkpoint: Path,
    key: str,
    report: Report,
) -> Trained:
    """Train until the validation value stops improving, and keep the best weights.

    Parameters
    ----------
    training, validation
        Inputs and targets. They are copied to the device once; training data for which it has no
        room are streamed to it.
    checkpoint, key
        File written after every epoch; resumed from if it was written under the same key.
    report
        Called after every epoch with its number (from 1) and its metrics; on resume also for the
        epochs in the checkpoint.

    Raises
    ------
    TrainingDiverged
        The training loss or the validation value became infinite or NaN.
    """
    make_deterministic(config.seed, device)
    model = learner.build_model(*training).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    held_out = [tensor.to(device) for tensor in validation]
    data = Resident(training, device)
    steps = math.ceil(len(data) / config.batch_size)
    best: dict[str, Any] = {"epoch": 0, "value": -math.inf, "weights": _copy(model)}
    history: list[dict[str, float]] = []

    if state := load_checkpoint(checkpoint, key):
        model.load_state_dict(state["weights"])
        optimizer.load_state_dict(state["optimizer"])
        best, history = state["best"], state["history"]
    resumed_at = len(history)
    for epoch, metrics in enumerate(history, 1):
        report(epoch, metrics)

    for epoch in range(resumed_at + 1, config.epochs + 1):
        if epoch - best["epoch"] > config.patience:
            break
        started = time.monotonic()
        torch.manual_seed(config.seed + epoch)
        generator = torch.Generator().manual_seed(config.seed + epoch)
        order = torch.randperm(len(data), generator=generator)
        total = 0.0
        model.train()
        for step, (_, batch) in enumerate(data.batches(order, config.batch_size)):
            done = ((epoch - 1) * steps + step) / (config.epochs * steps)
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _schedule(done)
            x, y = learner.augment(batch[0], batch[1], generator)
            with autocast(device):
                loss = learner.loss(model, x, y)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
            optimizer.step()
            total += loss.item() * len(batch[0])
        model.eval()
        with torch.no_grad(), autocast(device):
            found = learner.validate(model, *held_out)
        value = found[learner.objective] * (1 if learner.maximise else -1)
        if not math.isfinite(total + value):
            raise TrainingDiverged(
                f"The loss is no longer a number in epoch {epoch}. Train again with a smaller "
                f"learning_rate (it was {config.learning_rate:g})."
            )
        metrics = {f"validation_{name}": value for name, value in found.items()}
        metrics |= {
            "train_loss": total / len(data),
            "learning_rate": optimizer.param_groups[0]["lr"],
            "epoch_seconds": time.monotonic() - started,
        }
        history.append(metrics)
        if value > best["value"]:
            best = {"epoch": epoch, "value": value, "weights": _copy(model)}
        save_checkpoint(
            checkpoint,
            key,
            weights=model.state_dict(),
            optimizer=optimizer.state_dict(),
            best=best,
            history=history,
        )
        report(epoch, metrics)

    model.load_state_dict(best["weights"])
    return Trained(model.cpu().eval(), best["epoch"], history, resumed_at)


def _schedule(done: float) -> float:
    """Share of the peak learning rate: linear warm-up, then half a cosine down to zero."""
    if done < WARMUP:
        return 0.05 + 0.95 * done / WARMUP
    return 0.5 * (1 + math.cos(math.pi * (done - WARMUP) / (1 - WARMUP)))


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}
