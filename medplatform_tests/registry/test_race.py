"""Processes that promote at once from the same expectation: exactly one wins each round."""

import multiprocessing
from pathlib import Path

from medplatform_tests.registry.bench import Bench, copy_bench
from medplatform_tests.registry.conftest import BETTER, GOOD, UNJUDGED
from medplatform_tests.registry.racer import Outcome, run_rounds

ROUNDS = 12


def test_of_two_promoters_exactly_one_wins(
    judged_state: Bench, reigning_state: Bench, tmp_path: Path
) -> None:
    benches = [
        copy_bench(judged_state if i % 2 == 0 else reigning_state, tmp_path / str(i))
        for i in range(ROUNDS)
    ]
    first = [GOOD if i % 2 == 0 else UNJUDGED for i in range(ROUNDS)]
    second = [BETTER] * ROUNDS
    context = multiprocessing.get_context("spawn")
    barrier, outcomes = context.Barrier(2), context.Queue()
    folders = [bench.folder for bench in benches]
    processes = [
        context.Process(target=run_rounds, args=(folders, versions, barrier, outcomes))
        for versions in (first, second)
    ]
    for process in processes:
        process.start()
    found: list[Outcome] = [outcomes.get(timeout=60) for _ in range(2 * ROUNDS)]
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    for number, bench in enumerate(benches):
        results = {version: outcome for i, version, outcome in found if i == number}
        assert sorted(results.values()) == ["stale", "won"]
        winner = next(version for version, outcome in results.items() if outcome == "won")
        history = bench.registry.history("line")
        assert history.champion is not None and history.champion.version == winner
        assert bench.aliases()["champion"] == winner
