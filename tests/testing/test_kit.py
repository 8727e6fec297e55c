from __future__ import annotations

import pytest

from shapebias.errors import PluginError
from shapebias.testing import BrokenRuleError, Check, Rule, checks, conformance, outcomes

pytest_plugins = ["pytester"]

SATURATED = "transform saturate:p=8 stays in [0, 1]"


def one(name, *examples):
    (check,) = [check for check in checks("shapebias", examples) if check.name == name]
    return check


def broken():
    raise BrokenRuleError("it is dark")


def test_a_check_can_be_called_without_pytest():
    one(SATURATED, "saturate:p=8")()
    with pytest.raises(
        BrokenRuleError, match=r"(?s)night is bright\?\nNo: it is dark\nReason for the rule: people want to see\."
    ):
        Check("night", Rule("is bright", "people want to see", broken), broken)()


def test_an_expected_failure_is_no_failure():
    check = Check("night", Rule("is bright", "people want to see", broken), broken)
    (outcome,) = outcomes([check], {"night is bright": "it is night"})
    assert (outcome.status, outcome.message) == ("expected", "it is night")


def test_an_expected_failure_that_passes_is_a_failure():
    (outcome,) = outcomes([one(SATURATED, "saturate:p=8")], {SATURATED: "it is bright"})
    assert outcome.status == "failed"
    assert "passes, though its failure is expected: it is bright" in outcome.message


def test_expected_failures_of_checks_that_do_not_exist_are_refused():
    with pytest.raises(PluginError, match="checks that do not exist: transform saturate flies"):
        conformance("shapebias", expected_failures={"transform saturate flies": "it has no wings"})
    with pytest.raises(PluginError, match="checks that do not exist: transform saturate flies"):
        list(outcomes([], {"transform saturate flies": "it has no wings"}))


def test_unknown_plugins_and_examples_are_refused():
    with pytest.raises(PluginError, match="no plugin or distribution is called 'shapebais'; did you mean 'shapebias'"):
        checks("shapebais")
    with pytest.raises(PluginError, match=r"missing\.py: there is no such file"):
        checks("missing.py")
    with pytest.raises(PluginError, match="'satruate:p=2': the plugin provides no 'satruate'; did you mean 'saturate'"):
        checks("shapebias", ["satruate:p=2"])


def test_everything_with_defaults_is_tried_and_an_example_takes_its_place():
    subjects = {check.subject for check in checks("shapebias", ["saturate:p=8"])}
    assert {"plugin transforms", "transform saturate", "transform saturate:p=8", "transform grayscale"} <= subjects
    listed = checks("shapebias", ["saturate:p=8"], without=["grayscale"])
    tried = {check.subject for check in listed if check.rule.name == "stays in [0, 1]"}
    assert "transform saturate:p=8" in tried
    assert not {"transform saturate", "transform grayscale"} & tried


def test_an_example_of_a_name_of_two_kinds_can_say_which_it_is_of():
    told = ["model torchvision:resnet18,weights=none", "dataset torchvision:CIFAR10"]
    subjects = {check.subject for check in checks("shapebias", told)}
    assert {*told} <= subjects
    assert not {"dataset torchvision:resnet18,weights=none", "model torchvision:CIFAR10"} & subjects
    with pytest.raises(PluginError, match="'attack torchvision:x': the plugin provides no 'torchvision'"):
        checks("shapebias", ["attack torchvision:x"])


PLUGIN = '''
import attrs
from shapebias.plugin import TransformSpec, hookimpl

@attrs.frozen
class Brighter:
    """Twice as bright."""

    def __call__(self, images, rng):
        return 2 * images

@hookimpl
def shapebias_transforms():
    yield TransformSpec("brighter", Brighter, summary="twice as bright", references="Nobody 2026")
'''


def test_one_line_in_a_test_suite(pytester):
    path = pytester.path / "brighter.py"
    path.write_text(PLUGIN)
    expected = {"transform brighter stays in [0, 1]": "an example"}
    line = "from shapebias.testing import conformance\ntest_it = conformance"
    pytester.makepyfile(
        test_strict=f"{line}({str(path)!r})",
        test_lenient=f"{line}({str(path)!r}, expected_failures={expected})",
    )
    done = pytester.inline_run("-q", "-p", "no:cacheprovider")
    done.assertoutcome(passed=2 * 15, skipped=2 + 1, failed=1)
    (report,) = [report for report in done.getfailures() if report.when == "call"]
    assert "Reason for the rule" in str(report.longrepr)
