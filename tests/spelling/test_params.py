"""Settings are read from text and written as text, in full and in short, and checked wherever they are made."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shapebias.errors import PluginError, SpellingError
from shapebias.spelling.grammar import parse
from shapebias.spelling.params import Options, build, describe, files_named, numbers, param, spell

if TYPE_CHECKING:
    from fractions import Fraction


@attrs.frozen
class Everything:
    """One parameter of every type."""

    first: str = param("required text")
    second: tuple[float, ...] = param("required list", converter=numbers)
    whole: int = param("whole", default=3)
    number: float = param("number", default=8 / 255)
    flag: bool = param("flag", default=True)
    file: Path = param("path", default=Path("photos/val"))
    choice: Literal["linf", "none", "1", 1, True] = param("choice", default="linf")
    maybe_whole: int | None = param("optional", default=None)
    maybe_number: float | None = param("optional", default=0.5)
    maybe_flag: bool | None = param("optional", default=None)
    maybe_text: str | None = param("optional", default="none")
    maybe_file: Path | None = param("optional", default=None)
    maybe_choice: Literal["auto", "none"] | None = param("optional", default="none")
    maybe_list: tuple[str, ...] | None = param("optional", default=("none",))
    either: int | str = param("union", default="1")
    size: Literal["auto"] | int | Path = param("union", default="auto")
    floats: tuple[float, ...] = param("list", default=(1.0,))
    wholes: tuple[int, ...] = param("list", default=())
    texts: tuple[str, ...] = param("list", default=("",))
    flags: tuple[bool, ...] = param("list", default=(True, False))
    files: tuple[Path, ...] = param("list", default=())
    choices: tuple[Literal["a", "b"], ...] = param("list", default=())
    arg: Options = param("options", default=Options())
    network: object = attrs.field(default=None, eq=False, metadata={"spelled": False})


texts = st.text(max_size=8) | st.text(",+=:\"'\\ \n/ab1.", max_size=6)
texts |= st.sampled_from(["none", "true", "1", "1e5", "8/255", "nan", "inf", "a.b=c", "label=x:y"])
wholes = st.integers(-(10**7), 10**7)
sizes = st.floats(1e-30, 1e15)
floats = st.just(0.0) | sizes | sizes.map(lambda size: -size)
floats |= st.builds(lambda n, d: n / d, st.integers(-300, 300), st.integers(1, 255))
files = texts.filter(lambda text: "\0" not in text).map(Path)
keys = st.from_regex(r"[A-Za-z0-9_.]+", fullmatch=True)
everything = st.builds(
    Everything,
    first=texts,
    second=st.lists(floats, max_size=3).map(tuple) | floats,
    whole=wholes,
    number=floats,
    flag=st.booleans(),
    file=files,
    choice=st.sampled_from(["linf", "none", "1", 1, True]),
    maybe_whole=st.none() | wholes,
    maybe_number=st.none() | floats,
    maybe_flag=st.none() | st.booleans(),
    maybe_text=st.none() | texts,
    maybe_file=st.none() | files,
    maybe_choice=st.sampled_from(["auto", "none", None]),
    maybe_list=st.none() | st.lists(texts, max_size=3).map(tuple),
    either=wholes | texts,
    size=st.just("auto") | wholes | files,
    floats=st.lists(floats, max_size=3).map(tuple),
    wholes=st.lists(wholes, max_size=3).map(tuple),
    texts=st.lists(texts, max_size=3).map(tuple),
    flags=st.lists(st.booleans(), max_size=3).map(tuple),
    files=st.lists(files, max_size=3).map(tuple),
    choices=st.lists(st.sampled_from("ab"), max_size=3).map(tuple),
    arg=st.dictionaries(keys, st.none() | st.booleans() | wholes | floats | texts, max_size=3).map(Options),
)


@given(everything, st.booleans())
@settings(max_examples=100)
def test_what_is_spelled_is_read_back(given_settings, full):
    text = spell("everything", given_settings, full=full)
    again = build(Everything, parse(text))
    assert again == given_settings
    assert spell("everything", again, full=full) == text
    assert "+" not in re.sub(r'"(\\.|[^"\\])*"', "", text, flags=re.DOTALL)  # it may stand in a chain


def test_home_folders_and_names_that_are_not_utf_8_in_a_list_of_paths():
    assert Everything("", 1.0, files=[Path("~/a"), Path("b")]).files == (Path.home() / "a", Path("b"))
    with pytest.raises(SpellingError, match="is not UTF-8"):
        Everything("", 1.0, files=(Path("b"), Path("caf\udce9.png")))


@attrs.frozen
class Pgd:
    """Like the attack."""

    eps: tuple[float, ...] = param("radius", default=(8 / 255,), ge=0, le=1, unit="pixel value", converter=numbers)
    steps: int = param("number of steps", default=20, ge=1)
    norm: Literal["linf", "l2"] = param("ball", default="linf")
    step: float | None = param("size of a step", default=None, gt=0, lt=10)
    restart: bool = param("start again", default=True)


@attrs.frozen
class Timm:
    """Like the family of models."""

    architecture: str = param("name in timm")
    checkpoint: Path | None = param("weight file", default=None)
    seed: int = param("of random weights", default=0)
    arg: Options = param("option of the constructor", default=Options())


@attrs.frozen
class Nothing:
    """A thing without parameters."""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("pgd", Pgd()),
        ("pgd:8/255", Pgd(eps=8 / 255)),
        ("pgd:1/255,2/255,steps=7", Pgd(eps=(1 / 255, 2 / 255), steps=7)),
        ("pgd:eps=1/255,2/255,4/255,steps=20", Pgd(eps=[1 / 255, 2 / 255, 4 / 255], steps=20)),
        ("pgd:norm=l2,eps=1", Pgd(norm="l2", eps=1)),
        ("pgd:steps=1e2,restart=FALSE", Pgd(steps=100, restart=False)),
        ("pgd:step=none", Pgd(step=None)),
        ("pgd:eps=", Pgd(eps=())),
    ],
)
def test_spellings_of_an_attack(text, wanted):
    assert build(Pgd, parse(text)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("timm:resnet50.a1_in1k", Timm("resnet50.a1_in1k")),
        ("timm:1", Timm("1")),
        ("timm:x,checkpoint='a,b.safetensors'", Timm("x", Path("a,b.safetensors"))),
        ("timm:x,arg.pad_type=same,arg.drop=0.5", Timm("x", arg=Options(pad_type="same", drop=0.5))),
        ("timm:x,arg.a='1',arg.b=1,arg.c=none", Timm("x", arg=Options(a="1", b=1, c=None))),
        ("timm:x,arg.cfg.depth=3", Timm("x", arg=Options({"cfg.depth": 3}))),
    ],
)
def test_spellings_of_a_model(text, wanted):
    assert build(Timm, parse(text)) == wanted


@pytest.mark.parametrize(
    ("given_settings", "full", "short"),
    [
        (Pgd(), "pgd:eps=8/255,steps=20,norm=linf,step=none,restart=true", "pgd:eps=8/255"),
        (
            Pgd(eps=(0.1, 1e-9), step=0.25),
            "pgd:eps=0.1,1e-09,steps=20,norm=linf,step=0.25,restart=true",
            "pgd:eps=0.1,1e-09,step=0.25",
        ),
        (Timm("x"), "timm:architecture=x,checkpoint=none,seed=0", "timm:x"),
        (Timm("a,b", seed=1), 'timm:architecture="a,b",checkpoint=none,seed=1', 'timm:"a,b",seed=1'),
        (
            Timm("x", arg=Options(b=1, a="1")),
            'timm:architecture=x,checkpoint=none,seed=0,arg.a="1",arg.b=1',
            'timm:x,arg.a="1",arg.b=1',
        ),
        (Nothing(), "nothing", "nothing"),
    ],
)
def test_full_and_short_text_by_hand(given_settings, full, short):
    name = type(given_settings).__name__.lower()
    assert spell(name, given_settings) == full
    assert spell(name, given_settings, full=False) == short


def refusal(cls, text):
    with pytest.raises(SpellingError) as caught:
        build(cls, parse(text))
    return str(caught.value).splitlines()


def test_every_bad_parameter_is_told_with_all_the_valid_ones():
    assert refusal(Pgd, "pgd:eps=-1,step=20,restrat=5,norm=l3,norm=l2,restart=1,7,steps=0") == [
        "pgd: 8 bad parameters",
        "  restrat: unknown parameter; did you mean 'restart'?",
        "  norm: is given twice",
        "  '7': has no name; write name=value, or quote a value that has a comma",
        "  eps: must be >= 0, got -1",
        "  step: must be < 10, got 20",
        "  norm: must be one of linf|l2, got 'l3'",
        "  restart: must be true or false, got '1'",
        "  steps: must be >= 1, got 0",
        "parameters of pgd:",
        "  eps: a list (each a number) >= 0 and <= 1, default 8/255; radius",
        "  steps: a whole number >= 1, default 20; number of steps",
        "  norm: one of linf|l2, default linf; ball",
        "  step: a number or none > 0 and < 10, default none; size of a step",
        "  restart: true or false, default true; start again",
    ]


@pytest.mark.parametrize(
    ("cls", "text", "problem"),
    [
        (Timm, "timm", "architecture: is missing"),
        (Timm, "timm:seed=1", "architecture: is missing"),
        (Timm, "timm:x,architecture=y", "architecture: is given twice"),
        (Timm, "timm:x,sed=1", "sed: unknown parameter; did you mean 'seed'?"),
        (Timm, "timm:x,agr.pad=1", "agr.pad: unknown parameter; did you mean 'arg'?"),
        (Timm, "timm:x,seed.a=1", "seed.a: unknown parameter; seed has no options"),
        (Timm, "timm:x,arg=1", "arg: write arg.OPTION=value"),
        (Timm, "timm:x,arg.=1", "arg.: write arg.OPTION=value"),
        (Timm, "timm:x,arg.a=1,arg.a=2", "arg.a: is given twice"),
        (Timm, "timm:x,arg.a=1,2", "'2': has no name; write name=value, or quote a value that has a comma"),
        (Timm, "timm:x,y", "'y': has no name; write name=value, or quote a value that has a comma"),
        (Timm, "timm:x,seed='1'", "seed: must be a whole number, got '\"1\"'"),
        (Timm, "timm:x,seed=2.5", "seed: must be a whole number, got '2.5'"),
        (Pgd, "pgd:eps=1/0", "eps: must be a list (each a number), got '1/0'"),
        (Pgd, "pgd:eps=1/255,x", "eps: must be a list (each a number), got '1/255,x'"),
        (Pgd, "pgd:eps=0.5,2", "eps: must be <= 1, got 2"),
        (Pgd, "pgd:eps=nan", "eps: must be a list (each a number), got 'nan'"),
        (Pgd, "pgd:step=0", "step: must be > 0, got 0"),
        (Nothing, "nothing:x", "'x': has no name; write name=value, or quote a value that has a comma"),
        (Nothing, "nothing:x=1", "x: unknown parameter"),
    ],
)
def test_problems_in_words(cls, text, problem):
    title, first, about, *_ = refusal(cls, text)
    name = cls.__name__.lower()
    assert (title, first) == (f"{name}: 1 bad parameter", f"  {problem}")
    assert about == ("nothing has no parameters" if cls is Nothing else f"parameters of {name}:")


def test_a_name_that_begins_another_does_not_hide_it():
    @attrs.frozen
    class Shuffle:
        k: int = param("tiles")

    assert refusal(Shuffle, "shuffle:kk=3")[1:3] == ["  kk: unknown parameter; did you mean 'k'?", "  k: is missing"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Pgd(eps=-1), "Pgd: eps: must be >= 0, got -1"),
        (lambda: Pgd(eps=[0.5, 1.5]), "Pgd: eps: must be <= 1, got 1.5"),
        (lambda: Pgd(eps=float("nan")), "Pgd: eps: must be a list (each a number), got (nan,)"),
        (lambda: Pgd(steps=2.0), "Pgd: steps: must be a whole number, got 2.0"),
        (lambda: Pgd(steps=True), "Pgd: steps: must be a whole number, got True"),
        (lambda: Pgd(step="big"), "Pgd: step: must be a number or none, got 'big'"),
        (lambda: Pgd(norm="l3"), "Pgd: norm: must be one of linf|l2, got 'l3'"),
        (lambda: Timm(50), "Timm: architecture: must be text, got 50"),
        (lambda: Timm("x", arg=5), "Timm: arg: must be free options, got 5"),
        (lambda: attrs.evolve(Pgd(), steps=0), "Pgd: steps: must be >= 1, got 0"),
    ],
)
def test_settings_made_in_python_are_checked_too(make, message):
    with pytest.raises(SpellingError) as caught:
        make()
    assert str(caught.value) == message


def test_python_may_write_text_for_paths_and_lists_for_tuples():
    assert Timm("x", checkpoint="a.safetensors") == Timm("x", checkpoint=Path("a.safetensors"))
    made = Everything("x", 0.5, maybe_file="a", wholes=[1, 2], maybe_list=["a"], size="auto", either="a")
    assert (made.second, made.maybe_file, made.wholes, made.maybe_list) == ((0.5,), Path("a"), (1, 2), ("a",))
    assert (made.size, made.either) == ("auto", "a")
    assert Everything("x", 0.5, size="a").size == Path("a")


@attrs.frozen
class Own:
    """Settings with a check of their own."""

    low: float = param("low", default=0.0)
    high: float = param("high", default=1.0)

    def __attrs_post_init__(self):
        if self.low >= self.high:
            raise ValueError("low must be below high")


def test_a_check_of_the_plugins_own_is_a_spelling_error():
    assert refusal(Own, "own:low=2") == ["own: low must be below high"]
    with pytest.raises(ValueError, match="low must be below high"):
        Own(low=2)


def test_the_table_of_parameters():
    rows = [(row.name, row.type, row.default, row.unit, row.bounds, row.help) for row in describe(Pgd)]
    assert rows == [
        ("eps", "a list (each a number)", "8/255", "pixel value", ">= 0 and <= 1", "radius"),
        ("steps", "a whole number", "20", "", ">= 1", "number of steps"),
        ("norm", "one of linf|l2", "linf", "", "", "ball"),
        ("step", "a number or none", "none", "", "> 0 and < 10", "size of a step"),
        ("restart", "true or false", "true", "", "", "start again"),
    ]
    rows = {row.name: row.default for row in describe(Timm)}
    assert rows == {"architecture": "(required)", "checkpoint": "none", "seed": "0", "arg.OPTION": "(none)"}
    assert describe(Nothing) == []


@attrs.frozen
class Defaults:
    """Defaults that are made, and defaults that are converted."""

    eps: tuple[float, ...] = param("converted", default=0.5, converter=numbers)
    sizes: tuple[int, ...] = param("made", default=attrs.Factory(tuple))
    arg: Options = param("options", default=Options(pad="same"))
    derived: int = attrs.field(init=False, default=7)
    network: object = attrs.field(default=None, eq=False, metadata={"spelled": False})


def test_a_default_is_compared_as_the_class_has_it():
    assert spell("defaults", Defaults(), full=False) == "defaults:eps=0.5,arg.pad=same"
    assert {row.name: row.default for row in describe(Defaults)} == {
        "eps": "0.5",
        "sizes": "(none)",
        "arg.OPTION": "pad=same",
    }


@pytest.mark.parametrize("name", ["network", "derived"])
def test_what_is_no_setting_is_never_spelled_nor_read(name):
    assert name not in spell("defaults", Defaults(network=3))
    assert refusal(Defaults, f"defaults:{name}=3")[1] == f"  {name}: unknown parameter"


def test_files_that_settings_name():
    assert files_named(Timm("x", Path("a"))) == [Path("a")]
    assert files_named(Timm("x")) == []
    made = Everything("x", 1, file=Path("a"), files=(Path("b"), Path("c")), maybe_text="d")
    assert files_named(made) == [Path("a"), Path("b"), Path("c")]


@attrs.frozen
class Pair:
    """Two files of a folder."""

    folder: Path = param("the folder")

    def files(self):
        return [self.folder / "first", self.folder / "second"]


def test_settings_may_say_themselves_which_files_they_read():
    assert files_named(Pair(Path("a"))) == [Path("a/first"), Path("a/second")]


@attrs.frozen
class Guarded:
    """A type that exists for type checkers alone."""

    ratio: Fraction = param("ratio")


@attrs.frozen
class Unspellable:
    """A type that text cannot have."""

    table: dict[str, int] = param("table")


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Guarded, "Guarded: name 'Fraction' is not defined; import the types of parameters at run time"),
        (Unspellable, "table has the type dict[str, int], which is not supported; use int, float, bool, str, Path"),
    ],
)
def test_a_parameter_of_a_type_without_text_is_the_plugins_fault(cls, message):
    for use in (describe, lambda cls: build(cls, parse("x:1")), lambda cls: cls({})):
        with pytest.raises(PluginError, match=re.escape(message)):
            use(cls)
