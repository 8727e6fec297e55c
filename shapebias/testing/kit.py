"""The conformance kit: every rule for everything that a plugin provides, as plain (name, check) pairs.

    shapebias plugins check my-plugin

or, in the plugin's own tests, one line:

    test_conformance = shapebias.testing.conformance("my-plugin")
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import attrs

from shapebias.errors import PluginError, suggestion
from shapebias.plugins.catalog import Catalog
from shapebias.plugins.discovery import PluginInfo, discover
from shapebias.plugins.specs import Kind, Spec
from shapebias.spelling.params import describe
from shapebias.testing import attacks, datasets, executors, metrics, models, probes, saliency, suites, transforms
from shapebias.testing.rules import BrokenRuleError, NotApplicable, Rule, Rules
from shapebias.testing.static import PLUGIN_RULES, SETTINGS_RULES, SPEC_RULES
from shapebias.testing.subjects import Subject

__all__ = ["Check", "Outcome", "Status", "checks", "conformance", "outcomes", "untried"]

SubjectT = TypeVar("SubjectT")
Status: TypeAlias = Literal["passed", "failed", "not applicable", "expected"]

_RULES: dict[Kind, Rules[Subject]] = {
    "model": models.RULES,
    "dataset": datasets.RULES,
    "transform": transforms.RULES,
    "attack": attacks.RULES,
    "saliency": saliency.RULES,
    "probe": probes.RULES,
    "metric": metrics.RULES,
    "suite": suites.RULES,
    "executor": executors.RULES,
}


@attrs.frozen
class Check:
    """One rule, applied to one component, spec or plugin.

    Args:
        subject: what is checked, for example ``"transform posterize:levels=4"``.
        rule: the rule, and its reason.
        run: raises :class:`BrokenRuleError`, :class:`NotApplicable`, or any error of the plugin.
    """

    subject: str
    rule: Rule[Any]
    run: Callable[[], None] = attrs.field(eq=False, repr=False)

    @property
    def name(self) -> str:
        """``"transform posterize:levels=4 stays in [0, 1]"``."""
        return f"{self.subject} {self.rule.name}"

    def __call__(self) -> None:
        """Run the check.

        Raises:
            BrokenRuleError: the rule is broken; the message says what was seen, and why the rule exists.
            NotApplicable: the rule does not apply.
        """
        try:
            self.run()
        except NotApplicable:
            raise
        except BrokenRuleError as error:
            raise BrokenRuleError(f"{self.name}?\nNo: {error}\nReason for the rule: {self.rule.why}.") from None
        except Exception as error:
            raise BrokenRuleError(
                f"{self.name}?\nNo: {type(error).__name__}: {error}\nReason for the rule: {self.rule.why}."
            ) from error


@attrs.frozen
class Outcome:
    """The result of a check.

    Args:
        check: the check.
        status: ``passed``, ``failed``, ``not applicable``, or ``expected`` for a failure that was declared beforehand.
        message: why it failed or does not apply.
    """

    check: Check
    status: Status
    message: str = ""


def checks(
    plugin: str | Path,
    examples: Iterable[str] = (),
    *,
    without: Iterable[str] = (),
    device: str = "cpu",
    catalog: Catalog | None = None,
) -> list[Check]:
    """List the checks of a plugin.

    Args:
        plugin: name of a distribution or of an entry point, or path of a one-file plugin.
        examples: texts to try, such as ``"posterize:levels=2"``, or ``"dataset mine:FILE"`` if several kinds have the
            name; all other names are tried with their defaults, if every parameter has one.
        without: names not to try, for example because they would download weights; their specs are checked anyway.
        device: where plugins are tried.
        catalog: the installed plugins; None takes those of this environment.

    Raises:
        PluginError: there is no such plugin, or it does not provide an example.

    >>> names = [check.name for check in checks("shapebias", ["saturate:p=8"])]
    >>> "transform saturate:p=8 stays in [0, 1]" in names
    True
    """
    found = _find(plugin, catalog)
    listed = [_check(f"plugin {each.name}", rule, each) for each in found for rule in PLUGIN_RULES]
    own = Catalog(found)
    for spec in (entry.spec for entry in own):
        listed += [_check(f"{spec.kind} {spec.name}", rule, spec) for rule in SPEC_RULES]
    for kind, text in _texts(own, list(examples), {*without}):
        component = own.component(kind, text)
        listed += [_check(f"{kind} {text}", rule, component) for rule in SETTINGS_RULES]
        # Each rule has a new subject, so that side effects of one check cannot hide the faults that the next one finds.
        listed += [_check(f"{kind} {text}", rule, Subject(component, device)) for rule in _RULES[kind]]
    return listed


def _check(name: str, rule: Rule[SubjectT], subject: SubjectT) -> Check:
    return Check(name, rule, functools.partial(rule.check, subject))


def _find(plugin: str | Path, catalog: Catalog | None) -> list[PluginInfo]:
    """Find the plugins of a distribution, an entry point, or a file."""
    path = Path(plugin)
    if path.suffix == ".py" and path.is_file():
        return [each for each in discover([path.parent]) if Path(each.source) == path.resolve()]
    if path.suffix == ".py":
        raise PluginError(f"{plugin}: there is no such file; give the path of a one-file plugin, or a plugin's name")
    known = discover() if catalog is None else catalog.plugins
    wanted = _normal(str(plugin))
    found = [each for each in known if _normal(each.distribution) == wanted]
    found = found or [each for each in known if _normal(each.name) == wanted]
    if not found:
        names = sorted({each.distribution for each in known})
        raise PluginError(
            f"no plugin or distribution is called {str(plugin)!r}{suggestion(str(plugin), names)}; "
            f"installed: {', '.join(names)}; a one-file plugin is named by its path"
        )
    return found


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _texts(own: Catalog, examples: list[str], without: set[str]) -> Iterator[tuple[Kind, str]]:
    """Yield the texts to try: the examples, and the bare name of everything else that needs no parameter."""
    tried = [_meant(own, example) for example in examples]
    left_out = [_meant(own, name) for name in without]
    for entry in own:
        kind, name = entry.spec.kind, entry.spec.name
        given = [text for kinds, text in tried if kind in kinds and _name(text) == name]
        yield from ((kind, text) for text in given)
        spoken_of = given or any(kind in kinds and _name(text) == name for kinds, text in left_out)
        if not spoken_of and not _required(entry.spec) and not entry.spec.sources:  # never download without a request
            yield kind, name


def untried(plugin: str | Path, examples: Iterable[str] = (), *, without: Iterable[str] = ()) -> list[str]:
    """Describe what :func:`checks` does not call, and how to try it: names that need a parameter or a download.

    Args:
        plugin, examples, without: as of :func:`checks`.
    """
    own = Catalog(_find(plugin, None))
    tried = {(kind, _name(text)) for kind, text in _texts(own, list(examples), {*without})}
    left_out = {_name(_meant(own, name)[1]) for name in without}
    said = []
    for spec in (entry.spec for entry in own):
        if spec.kind not in _RULES or (spec.kind, spec.name) in tried or spec.name in left_out:
            continue
        required = [row.name for row in describe(spec.load()) if row.default == "(required)"] if _loads(spec) else []
        if required:
            settings = ",".join(f"{name}={name.upper()}" for name in required)
            said.append(
                f"{spec.kind} {spec.name} was not tried, because {' and '.join(required)} must be given; give an "
                f"example: --example {spec.name}:{settings}"
            )
        elif spec.sources:
            said.append(f"{spec.kind} {spec.name} was not tried, because it is fetched; try it: --example {spec.name}")
    return said


def _loads(spec: Spec) -> bool:
    try:
        spec.load()
    except PluginError:
        return False  # a check reports it
    return True


def _meant(own: Catalog, example: str) -> tuple[Collection[str], str]:
    """Split an example into its kinds, all if it names none, and its text without the kind."""
    kind, _, text = example.partition(" ")
    kinds, text = ([kind], text) if kind in _RULES else ([*_RULES], example)
    if not any(entry.spec.kind in kinds and entry.spec.name == _name(text) for entry in own):
        known = sorted({entry.spec.name for entry in own})
        raise PluginError(f"{example!r}: the plugin provides no {_name(text)!r}{suggestion(_name(text), known)}")
    return kinds, text


def _name(text: str) -> str:
    return text.partition(":")[0]


def _required(spec: Spec) -> bool:
    """Return whether a name needs parameters, or cannot be loaded, which a check reports."""
    try:
        return any(row.default == "(required)" for row in describe(spec.load()))
    except PluginError:
        return True


def outcomes(listed: Iterable[Check], expected_failures: Mapping[str, str] | None = None) -> Iterator[Outcome]:
    """Run checks one by one.

    Args:
        listed: the checks.
        expected_failures: by the name of a check, why it cannot pass.

    Returns:
        An iterator that runs the checks one by one and yields their outcomes.  A check that passes although its failure
        was expected counts as failed.

    Raises:
        PluginError: a failure is expected of a check that does not exist.
    """
    listed, expected = list(listed), dict(expected_failures or {})
    _refuse_unknown(expected, listed)
    return (_outcome(check, expected.get(check.name)) for check in listed)


def _refuse_unknown(expected: Mapping[str, str], listed: Iterable[Check]) -> None:
    unknown = sorted(expected.keys() - {check.name for check in listed})
    if unknown:
        raise PluginError(f"failures are expected of checks that do not exist: {', '.join(unknown)}")


def _outcome(check: Check, reason: str | None) -> Outcome:
    """Run one check; ``reason`` says why its failure is expected, None if it is not."""
    try:
        check()
    except NotApplicable as error:
        return Outcome(check, "not applicable", str(error))
    except BrokenRuleError as error:
        return Outcome(check, "failed", str(error)) if reason is None else Outcome(check, "expected", reason)
    if reason is None:
        return Outcome(check, "passed")
    return Outcome(check, "failed", f"{check.name}: passes, though its failure is expected: {reason}")


def conformance(
    plugin: str | Path,
    examples: Iterable[str] = (),
    expected_failures: Mapping[str, str] | None = None,
    *,
    without: Iterable[str] = (),
    device: str = "cpu",
) -> Any:
    """Make a pytest test with one case for each rule and each component that the plugin provides.

        test_conformance = shapebias.testing.conformance("my-plugin")

    Args:
        plugin: name of a distribution or of an entry point, or path of a one-file plugin.
        examples, without: see :func:`checks`.
        expected_failures: the reason why a check cannot pass, by its name; if it passes anyway, that is a failure.
        device: where plugins are tried.

    Raises:
        PluginError: there is no such plugin, example, or check.
    """
    import pytest

    expected = dict(expected_failures or {})
    listed = checks(plugin, examples, without=without, device=device)
    _refuse_unknown(expected, listed)

    @pytest.mark.parametrize("check", [pytest.param(check, id=check.name) for check in listed])
    def test_conformance(check: Check) -> None:
        outcome = _outcome(check, expected.get(check.name))
        if outcome.status == "not applicable":
            pytest.skip(outcome.message)
        elif outcome.status == "expected":
            pytest.xfail(outcome.message)
        elif outcome.status == "failed":
            pytest.fail(outcome.message, pytrace=False)

    return test_conformance
