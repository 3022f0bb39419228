"""Champion is only what passed, was approved by somebody else, and met the champion it expected."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from medplatform.clinical import (
    EHR_RISK,
    GateSet,
    State,
    Verdict,
    read_verdict,
    write_verdict,
)
from medplatform.clinical.gate import overall
from medplatform.privacy import BrokenChain
from medplatform.registry import (
    AlreadyChampion,
    ModelMismatch,
    NotApproved,
    NothingToRollBack,
    NotJudged,
    NotPassed,
    RegistryError,
    SelfApproval,
    StaleChampion,
    VerdictMismatch,
    VersionMissing,
    approve,
    promote,
    rollback,
    status,
    sync_aliases,
)
from medplatform.training.account import Account, current_account
from medplatform_tests.registry.bench import CLINICIAN, TRAINER, Bench
from medplatform_tests.registry.conftest import BETTER, BLIND, GOOD, UNJUDGED
from medplatform_tests.registry.line import make_recipe


def champion(bench: Bench) -> int | None:
    found = bench.registry.history("line").champion
    return found.version if found else None


def verdict_file(bench: Bench, version: int) -> Path:
    judged = bench.registry.history("line").judged[version]
    return bench.registry.verdicts("line") / judged.detail["verdict_file"]


def test_approved_version_becomes_champion(bench: Bench) -> None:
    promotion = promote(bench.registry, bench.recipe, BETTER, actor="ops")
    assert (promotion.champion.version, promotion.previous) == (BETTER, None)
    assert bench.aliases() == {"candidate": UNJUDGED, "champion": BETTER}
    assert promotion.record.detail["approval"] == (
        bench.registry.history("line").approved[BETTER].digest
    )


def test_next_champion_keeps_the_one_before(reign: Bench) -> None:
    promote(reign.registry, reign.recipe, BETTER, actor="ops")
    assert reign.aliases() == {
        "candidate": UNJUDGED,
        "challenger": UNJUDGED,
        "champion": BETTER,
        "previous": GOOD,
    }


@pytest.mark.parametrize("approver", [TRAINER, TRAINER.upper(), f"  {TRAINER} "])
def test_trainer_cannot_approve(bench: Bench, approver: str) -> None:
    with pytest.raises(SelfApproval, match="medplatform approve line 2 --as YOU"):
        bench.approve(BETTER, approver)


def test_trainer_cannot_approve_under_an_edited_tag(bench: Bench) -> None:
    bench.registry.client.set_model_version_tag(
        "line", str(BETTER), "medplatform.trainer", "somebody"
    )
    with pytest.raises(SelfApproval):
        bench.approve(BETTER, TRAINER)


@pytest.mark.parametrize("missing", ["approver", "role", "reason"])
def test_approval_needs_name_role_and_reason(bench: Bench, missing: str) -> None:
    fields = {"approver": CLINICIAN, "role": "cardiologist", "reason": "read it", missing: " "}
    with pytest.raises(RegistryError, match="a name, a role and a reason"):
        approve(bench.registry, bench.recipe, BETTER, **fields)


def test_unjudged_version_is_refused(bench: Bench) -> None:
    with pytest.raises(NotJudged, match=f"medplatform evaluate line {UNJUDGED}"):
        bench.approve(UNJUDGED)
    with pytest.raises(NotJudged):
        promote(bench.registry, bench.recipe, UNJUDGED, actor="ops")


def test_failed_version_is_neither_approved_nor_promoted(bench: Bench) -> None:
    with pytest.raises(NotPassed, match=r"FAIL.*Slope"):
        bench.approve(BLIND)
    with pytest.raises(NotPassed):
        promote(bench.registry, bench.recipe, BLIND, actor="ops")
    assert champion(bench) is None


def test_version_without_approval_is_refused(bench: Bench) -> None:
    bench.judge(UNJUDGED)
    with pytest.raises(NotApproved, match=f"medplatform approve line {UNJUDGED} --as YOU"):
        promote(bench.registry, bench.recipe, UNJUDGED, actor="ops")


def test_approval_stands_for_one_verdict_only(bench: Bench) -> None:
    bench.judge(BETTER)
    with pytest.raises(NotApproved):
        promote(bench.registry, bench.recipe, BETTER, actor="ops")


def test_version_judged_against_an_earlier_champion_is_stale(bench: Bench) -> None:
    promote(bench.registry, bench.recipe, GOOD, actor="ops")
    with pytest.raises(StaleChampion, match=f"medplatform evaluate line {BETTER}"):
        promote(bench.registry, bench.recipe, BETTER, actor="ops")
    assert champion(bench) == GOOD


def test_verdict_against_an_earlier_champion_is_not_approved(bench: Bench) -> None:
    promote(bench.registry, bench.recipe, GOOD, actor="ops")
    log = bench.registry.log.verify()
    with pytest.raises(StaleChampion, match=f"medplatform evaluate line {BETTER}"):
        bench.approve(BETTER)
    assert bench.registry.log.verify() == log


class TestChampionItself:
    def test_is_neither_approved_nor_promoted_again(self, reign: Bench) -> None:
        log = reign.registry.log.verify()
        with pytest.raises(AlreadyChampion, match="line version 1 is champion already"):
            reign.approve(GOOD)
        with pytest.raises(AlreadyChampion):
            promote(reign.registry, reign.recipe, GOOD, actor="ops")
        assert reign.registry.log.verify() == log

    def test_is_not_after_judging_it_again_either(self, reign: Bench) -> None:
        verdict = reign.judge(GOOD).verdict
        gate = next(r for r in verdict.results if r.gate == "non_inferiority")
        assert (verdict.champion, gate.state) == (None, State.NOT_APPLICABLE)
        with pytest.raises(AlreadyChampion):
            promote(reign.registry, reign.recipe, GOOD, actor="ops")
        assert status(reign.registry, ["line"])[-1].approver == CLINICIAN

    def test_keeps_its_predecessor_where_an_old_log_promotes_it_twice(self, reign: Bench) -> None:
        promote(reign.registry, reign.recipe, BETTER, actor="ops")
        again = reign.registry.log.records()[-1].detail
        assert again["version"] == BETTER
        reign.registry.log.append("ops", "promoted", **{**again, "replaced": BETTER})
        history = reign.registry.history("line")
        assert [model.version for model in history.reign] == [GOOD, BETTER]
        back = rollback(reign.registry, reign.recipe, actor=CLINICIAN, reason="too many alerts")
        assert back.champion.version == GOOD

    def test_stays_where_an_old_log_rolled_it_back_to_itself(self, reign: Bench) -> None:
        detail = reign.registry.log.records()[-1].detail
        reign.registry.log.append(
            "ops", "rolled_back", **{**detail, "version": GOOD, "replaced": GOOD}
        )
        history = reign.registry.history("line")
        assert [model.version for model in history.reign] == [GOOD]
        assert status(reign.registry, ["line"])[-1].approver == CLINICIAN


class TestSignOff:
    def test_stays_visible_after_a_rollback(self, reign: Bench) -> None:
        promote(reign.registry, reign.recipe, BETTER, actor="ops")
        rollback(reign.registry, reign.recipe, actor=CLINICIAN, reason="too many alerts")
        rows = {row.version: row.approver for row in status(reign.registry, ["line"])}
        assert rows[GOOD] == CLINICIAN
        assert rows[BETTER] == f"{CLINICIAN}, withdrawn"
        card = reign.registry.version("line", BETTER).description or ""
        assert "Withdrawn: This version was rolled back." in card

    def test_names_the_account_beside_the_name_that_was_typed(self, bench: Bench) -> None:
        promote(bench.registry, bench.recipe, BETTER, actor="ops")
        records = {r.action: r for r in bench.registry.log.records()}
        account = str(current_account())
        assert records["approved"].detail["account"] == account
        assert records["promoted"].detail["account"] == account
        shown = bench.registry.version("line", BETTER)
        assert f"Typed by: {account}" in (shown.description or "")
        assert f"Promoted by: ops, typed by {account}" in (shown.description or "")
        assert shown.tags["medplatform.approver"] == CLINICIAN
        assert shown.tags["medplatform.approver_role"] == "cardiologist"
        assert shown.tags["medplatform.approved_at"].startswith("20")

    @pytest.mark.parametrize("host", ["", "elsewhere"])
    def test_of_the_account_that_trained_says_so(self, bench: Bench, host: str) -> None:
        here = current_account()
        trainer = Account(here.user, host or here.host)
        version = bench.register("better", account=str(trainer))
        bench.judge(version)
        bench.approve(version)
        assert bench.registry.log.records()[-1].detail["is_trainer_account"] is True
        card = bench.registry.version("line", version).description or ""
        assert f"Typed by: {here}, the account that trained" in card

    def test_of_another_account_does_not(self, bench: Bench) -> None:
        version = bench.register("better", account="somebody@elsewhere")
        bench.judge(version)
        bench.approve(version)
        assert bench.registry.log.records()[-1].detail["is_trainer_account"] is False
        card = bench.registry.version("line", version).description or ""
        assert "the account that trained" not in card


def edit_verdict(bench: Bench) -> None:
    path = verdict_file(bench, BETTER)
    content = json.loads(path.read_text())
    content["cohort"]["rows"] += 1
    path.write_text(json.dumps(content))


def replace_verdict(bench: Bench) -> None:
    verdict_file(bench, BETTER).write_bytes(verdict_file(bench, GOOD).read_bytes())


def delete_verdict(bench: Bench) -> None:
    verdict_file(bench, BETTER).unlink()


def edit_report(bench: Bench) -> None:
    path = verdict_file(bench, BETTER).with_suffix(".html")
    path.write_text(path.read_text().replace("0.8", "0.9"))


def edit_tag(name: str) -> Callable[[Bench], None]:
    def edit(bench: Bench) -> None:
        bench.registry.client.set_model_version_tag("line", str(BETTER), name, "0" * 64)

    edit.__name__ = name
    return edit


@pytest.mark.parametrize(
    "tamper",
    [
        edit_verdict,
        replace_verdict,
        delete_verdict,
        edit_report,
        edit_tag("medplatform.model_digest"),
        edit_tag("medplatform.dataset_digest"),
        edit_tag("medplatform.verdict_digest"),
        edit_tag("medplatform.verdict"),
    ],
    ids=lambda tamper: tamper.__name__,
)
def test_tampered_evidence_is_refused(bench: Bench, tamper: Callable[[Bench], None]) -> None:
    tamper(bench)
    with pytest.raises(VerdictMismatch, match=r"[Jj]udge"):
        promote(bench.registry, bench.recipe, BETTER, actor="ops")
    with pytest.raises(VerdictMismatch):
        bench.approve(BETTER)
    assert champion(bench) is None


def test_failed_verdict_edited_to_pass_is_refused(bench: Bench) -> None:
    path = verdict_file(bench, BLIND)
    content = path.read_text().replace('"FAIL"', '"PASS"')
    path.write_text(content)
    bench.registry.client.set_model_version_tag("line", str(BLIND), "medplatform.verdict", "PASS")
    with pytest.raises(VerdictMismatch):
        promote(bench.registry, bench.recipe, BLIND, actor="ops")


def test_other_gates_than_those_judged_are_refused(bench: Bench) -> None:
    gates = GateSet(name="ehr_risk", version=EHR_RISK.version + 1, gates=EHR_RISK.gates)
    with pytest.raises(VerdictMismatch, match="the gates"):
        promote(bench.registry, make_recipe(gates=gates), BETTER, actor="ops")


def test_exchanged_model_files_are_refused(bench: Bench) -> None:
    version = bench.ready()
    location = bench.registry.client.get_model_version_download_uri("line", str(version))
    description = Path(location.removeprefix("file://")) / "MLmodel"
    description.write_text(description.read_text() + "\n# edited\n")
    with pytest.raises(ModelMismatch, match="not those that were registered"):
        promote(bench.registry, bench.recipe, version, actor="ops")


def test_edited_log_is_refused(bench: Bench) -> None:
    log = bench.registry.log.path
    log.write_text(log.read_text().replace('"FAIL"', '"PASS"'))
    with pytest.raises(BrokenChain):
        promote(bench.registry, bench.recipe, BETTER, actor="ops")


def test_log_without_its_tail_is_refused(reign: Bench) -> None:
    log = reign.registry.log.path
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-3]))
    with pytest.raises(BrokenChain, match="missing or was replaced"):
        promote(reign.registry, reign.recipe, BETTER, actor="ops")


def test_rollback_puts_the_previous_champion_back(reign: Bench) -> None:
    promote(reign.registry, reign.recipe, BETTER, actor="ops")
    back = rollback(reign.registry, reign.recipe, actor=CLINICIAN, reason="too many alerts")
    assert back.champion.version == GOOD
    assert reign.aliases()["champion"] == GOOD
    assert "previous" not in reign.aliases()
    assert back.record.actor == CLINICIAN
    assert back.record.detail["reason"] == "too many alerts"


def test_what_was_rolled_back_needs_a_new_approval(reign: Bench) -> None:
    promote(reign.registry, reign.recipe, BETTER, actor="ops")
    rollback(reign.registry, reign.recipe, actor=CLINICIAN, reason="too many alerts")
    with pytest.raises(NotApproved):
        promote(reign.registry, reign.recipe, BETTER, actor="ops")
    reign.approve(BETTER)
    promote(reign.registry, reign.recipe, BETTER, actor="ops")
    assert champion(reign) == BETTER


def test_rollback_needs_a_reason_and_a_previous_champion(reign: Bench) -> None:
    with pytest.raises(RegistryError, match="needs a reason"):
        rollback(reign.registry, reign.recipe, actor=CLINICIAN, reason=" ")
    with pytest.raises(NothingToRollBack):
        rollback(reign.registry, reign.recipe, actor=CLINICIAN, reason="just so")
    assert champion(reign) == GOOD


def test_deleted_and_moved_aliases_are_repaired(reign: Bench) -> None:
    promote(reign.registry, reign.recipe, BETTER, actor="ops")
    expected = reign.aliases()
    client = reign.registry.client
    client.delete_registered_model_alias("line", "champion")
    client.set_registered_model_alias("line", "previous", str(BLIND))
    changes = sync_aliases(reign.registry, "line", actor="ops")
    assert [(c.alias, c.shown, c.version) for c in changes] == [
        ("champion", None, BETTER),
        ("previous", BLIND, GOOD),
    ]
    assert reign.aliases() == expected
    assert sync_aliases(reign.registry, "line", actor="ops") == []


def test_alias_set_by_hand_makes_no_champion(bench: Bench) -> None:
    bench.registry.client.set_registered_model_alias("line", "champion", str(BLIND))
    assert champion(bench) is None
    (change,) = sync_aliases(bench.registry, "line", actor="ops")
    assert (change.alias, change.shown, change.version) == ("champion", BLIND, None)


def test_an_alias_that_was_put_right_is_recorded_whoever_finds_it(bench: Bench) -> None:
    client = bench.registry.client
    client.set_registered_model_alias("line", "champion", str(BLIND))
    sync_aliases(bench.registry, "line", actor="ada")
    client.set_registered_model_alias("line", "champion", str(BLIND))
    promote(bench.registry, bench.recipe, BETTER, actor="ops")
    found = [r for r in bench.registry.log.records() if r.action == "alias_repaired"]
    assert [(r.actor, r.detail["shown"], r.detail["version"]) for r in found] == [
        ("ada", BLIND, None),
        ("ops", BLIND, None),
    ]
    assert bench.aliases()["champion"] == BETTER


def test_champion_deleted_from_mlflow_is_reported_and_can_be_rolled_back(reign: Bench) -> None:
    promote(reign.registry, reign.recipe, BETTER, actor="ops")
    reign.registry.client.delete_model_version("line", str(BETTER))
    with pytest.raises(VersionMissing, match="medplatform rollback line"):
        sync_aliases(reign.registry, "line", actor="ops")
    rollback(reign.registry, reign.recipe, actor=CLINICIAN, reason="its version was deleted")
    assert reign.aliases()["champion"] == GOOD


def test_no_gate_that_is_not_passed_lets_a_model_through(bench: Bench) -> None:
    """Even where file, log and tags agree on a verdict that somebody forged as a whole."""
    for gate in EHR_RISK.gates:
        for state in (State.FAIL, State.INCONCLUSIVE):
            forge_verdict(bench, gate.name, state)
            with pytest.raises(NotPassed, match=state.value):
                promote(bench.registry, bench.recipe, BETTER, actor="ops")
    assert champion(bench) is None


def forge_verdict(bench: Bench, gate: str, state: State) -> None:
    old = verdict_file(bench, BETTER)
    verdict = read_verdict(old)
    results = tuple(
        r.model_copy(update={"state": state}) if r.gate == gate else r for r in verdict.results
    )
    fields = {**dict(verdict), "results": results, "state": overall(results)}
    forged = Verdict.model_validate(fields)
    path = write_verdict(forged, old.parent)
    path.with_suffix(".html").write_bytes(old.with_suffix(".html").read_bytes())
    detail = {
        **bench.registry.history("line").judged[BETTER].detail,
        "verdict": forged.digest,
        "verdict_file": path.name,
        "state": forged.state.value,
    }
    bench.registry.log.append("nightly", "judged", **detail)
    client = bench.registry.client
    client.set_model_version_tag("line", str(BETTER), "medplatform.verdict", forged.state.value)
    client.set_model_version_tag("line", str(BETTER), "medplatform.verdict_digest", forged.digest)
