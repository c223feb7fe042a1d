"""Changes `plugin/matching` one small step at a time, and sees whether a test minds.

    python tests/load/mutants.py [--each 40] [--seed 1] [--only safety]

Every possible mutant of a module is listed; a random sample of them is run, each in a
process of its own with the tests of `tests/matching`. Printed: one line for each that
survived, then for each module how many there are, ran, died, survived, hung.
"""

import argparse
import ast
import copy
import importlib.abc
import importlib.util
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
MATCHING = ROOT / "plugin/matching"
PATIENCE = 180  # seconds
FIRST = ("test_vignettes.py", "test_vignettes_own.py", "test_exact_edges.py")
LAST = ("test_properties.py", "test_with_directory.py", "test_recommend_command.py")
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip


def mutants(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Every mutant of a module, with a word of what was changed where."""
    decorators = [d for n in ast.walk(tree) for d in getattr(n, "decorator_list", ())]
    # How much a cache remembers changes no answer.
    passed_over = {id(n) for decorator in decorators for n in ast.walk(decorator)}
    for place, node in enumerate(ast.walk(tree)):
        if id(node) in passed_over:
            continue
        for number, said in enumerate(changes(node)):
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[place], number)
            line = getattr(node, "lineno", 0)
            yield f"line {line}: {said}", ast.fix_missing_locations(changed)


def changes(node: ast.AST) -> Sequence[str]:
    """What can be changed in a node; `change` knows each by its number."""
    if isinstance(node, ast.Compare):
        return [f"{type(op).__name__} swapped" for op in node.ops if type(op) in SWAPS]
    if isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in SWAPS:
        return [f"{type(node.op).__name__} swapped"]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return ["not taken away"]
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        return ["condition turned round"]
    if isinstance(node, ast.Return) and node.value is not None:
        is_none = isinstance(node.value, ast.Constant) and node.value.value is None
        return [] if is_none else ["None returned"]
    if isinstance(node, ast.Call):
        return [f"without {k.arg}=" for k in node.keywords if k.arg]
    if isinstance(node, ast.Break | ast.Continue):
        return ["passed over"]
    if isinstance(node, ast.Constant) and isinstance(node.value, bool | int | float):
        return [f"{node.value} changed"]
    if isinstance(node, ast.comprehension):
        return ["filter taken away" for _ in node.ifs]
    return []


def change(node: ast.AST, number: int) -> None:
    if isinstance(node, ast.Compare):
        places = [p for p, op in enumerate(node.ops) if type(op) in SWAPS]
        node.ops[places[number]] = SWAPS[type(node.ops[places[number]])]()  # type: ignore[call-overload]
    elif isinstance(node, ast.BoolOp | ast.BinOp):
        node.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
    elif isinstance(node, ast.UnaryOp):
        node.op, node.operand = ast.Not(), ast.UnaryOp(ast.Not(), node.operand)
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.Return):
        node.value = ast.Constant(None)
    elif isinstance(node, ast.Call):
        named = [k for k in node.keywords if k.arg]
        node.keywords.remove(named[number])
    elif isinstance(node, ast.Break | ast.Continue):
        node.__class__ = ast.Pass  # type: ignore[assignment]
    elif isinstance(node, ast.Constant):
        value = node.value
        node.value = not value if isinstance(value, bool) else value + 1  # type: ignore[operator]
    elif isinstance(node, ast.comprehension):
        del node.ifs[number]


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives the mutant where the module is asked for."""

    def __init__(self, name: str, path: Path, tree: ast.Module) -> None:
        self._name, self._path = name, path
        self._code = compile(tree, str(path), "exec")

    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(self._path))

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(self._code, module.__dict__)


def outcome(name: str, path: Path, tree: ast.Module) -> str:
    """killed, survived or hung: told by a process that ends with the tests."""
    child = os.fork()
    if child == 0:
        _examine(Changed(name, path, tree))
    signal.signal(signal.SIGALRM, lambda *_: os.kill(child, signal.SIGKILL))
    signal.alarm(PATIENCE)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    if os.WIFSIGNALED(status):
        return "hung"
    return "survived" if os.WEXITSTATUS(status) == 0 else "killed"


def _examine(changed: Changed) -> None:
    import pytest

    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    sys.meta_path.insert(0, changed)
    options = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
    result = 0
    for files in _turns():
        result = result or int(pytest.main([*options, *map(str, files)]))
    os._exit(result)


def _turns() -> Sequence[Sequence[Path]]:
    """The worked examples first, which notice most and are soon read in."""
    files = sorted((ROOT / "tests/matching").glob("test_*.py"))
    first = [f for f in files if f.name in FIRST]
    last = [f for f in files if f.name in LAST]
    return first, [f for f in files if f not in first and f not in last], last


def preload() -> None:
    """What every child needs and no mutant touches."""
    for name in ("pytest", "hypothesis", "jsonschema", "plugin.chart.bundle"):
        importlib.import_module(name)
    importlib.import_module("plugin.knowledge.load")
    assert not [m for m in sys.modules if m.startswith("plugin.matching")]


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--each", type=int, default=40)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", action="append", default=[])
    options = asked.parse_args()
    sys.path.insert(0, str(ROOT))
    os.chdir(ROOT)
    preload()
    whole = MATCHING / "moments.py"
    if outcome("plugin.matching.moments", whole, ast.parse(whole.read_text())) != (
        "survived"
    ):
        sys.exit("the tests fail as it stands")
    for path in sorted(MATCHING.glob("*.py")):
        if options.only and path.stem not in options.only:
            continue
        found = list(mutants(ast.parse(path.read_text("utf-8"))))
        chance = random.Random(options.seed)
        name = f"plugin.matching.{path.stem}"
        chosen = chance.sample(found, min(options.each, len(found)))
        told: Counter[str] = Counter()
        for said, tree in chosen:
            result = outcome(name, path, tree)
            told[result] += 1
            if result != "killed":
                print(f"  {path.stem}, {said}: {result}", flush=True)
        print(path.stem, len(found), len(chosen), dict(told), flush=True)


if __name__ == "__main__":
    main()
