"""The shape of the code, as far as it can be counted."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "keyturn"
MODULES = sorted(path for folder in ("src", "tests", "bench") for path in (ROOT / folder).rglob("*.py"))
LINES, STATEMENTS, POSITIONALS = 400, 40, 5
VAGUE = {"utils", "util", "helpers", "helper", "common", "core", "base", "manager", "misc"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions(tree: ast.Module) -> Iterator[Function]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _statements(function: Function) -> int:
    """Count what the function says itself: not its docstring, not the functions inside it."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    waiting: list[ast.AST] = list(body)
    count = 0
    while waiting:
        node = waiting.pop()
        count += isinstance(node, ast.stmt)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)
    return count


def test_there_is_something_to_count() -> None:
    """A wrong path would make every test here pass."""
    assert len([path for path in MODULES if SOURCE in path.parents]) > 50


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_fits_the_mind(path: Path) -> None:
    """Longer ones hold two subjects."""
    assert len(path.read_text().splitlines()) <= LINES


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_function_fits_the_screen(path: Path) -> None:
    """And takes few enough arguments to be read where it is called."""
    functions = list(_functions(ast.parse(path.read_text())))
    counted = [(function.name, _statements(function)) for function in functions]
    long = [(name, count) for name, count in counted if count > STATEMENTS]
    wide = [
        function.name
        for function in functions
        if len(function.args.posonlyargs) + len(function.args.args)
        > POSITIONALS + (bool(function.args.args) and function.args.args[0].arg in {"self", "cls"})
    ]

    assert long == []
    assert not [name for name in wide if SOURCE in path.parents and not name.startswith("test_")]


def test_no_name_says_nothing() -> None:
    """Such modules collect what has no place."""
    stems = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}

    assert not stems & VAGUE


def test_every_unit_test_mirrors_a_module() -> None:
    """Whoever changes a module finds its tests without searching. Documents are no modules."""
    unit = ROOT / "tests" / "unit"
    orphans = []
    for path in unit.rglob("test_*.py"):
        inside = path.relative_to(unit)
        home = {"bench": ROOT, "support": ROOT / "tests"}.get(inside.parts[0], SOURCE)
        if (
            inside.parts[0] != "docs"
            and not (home / inside.parent / (path.stem.removeprefix("test_") + ".py")).is_file()
        ):
            orphans.append(_name(path))

    assert orphans == []


@pytest.mark.parametrize("path", [path for path in MODULES if SOURCE in path.parents], ids=_name)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    """And hides no import from the reader of its first lines."""
    tree = ast.parse(path.read_text())
    hidden = [
        node.lineno
        for function in _functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert ast.get_docstring(tree)
    assert hidden == []
    assert not any(isinstance(node, ast.Global) for node in ast.walk(tree))


def test_every_setting_is_documented_where_it_is_defined() -> None:
    """The reference page is made of these docstrings."""
    tree = ast.parse((SOURCE / "config" / "sections.py").read_text())
    sections = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {section.name for section in sections}
    bare = []
    for section in sections:
        assert ast.get_docstring(section), section.name
        for field, below in zip(section.body, [*section.body[1:], None], strict=True):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            is_section = isinstance(field.annotation, ast.Name) and field.annotation.id in names
            described = (
                isinstance(below, ast.Expr)
                and isinstance(below.value, ast.Constant)
                and isinstance(below.value.value, str)
                and below.value.value.strip().endswith((".", ")"))
            )
            if not is_section and not described:
                bare.append(f"{section.name}.{field.target.id}")

    assert len(sections) > 5
    assert bare == []
