"""The pages are programs: every Python block of README.md and docs/ runs, in order, as written."""

import ast
import doctest
import importlib.util
import re
from functools import reduce
from pathlib import Path

import pytest

import tidegrad as tg

ROOT = Path(__file__).parents[1]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
ORACLES = {"torch": "PyTorch", "jax": "JAX"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(text):
    """The Python blocks of a page: the line each begins on, and its code."""
    for match in BLOCK.finditer(text):
        indent, code = match.groups()
        lines = [line.removeprefix(indent) for line in code.splitlines(keepends=True)]
        yield text.count("\n", 0, match.start()) + 1, "".join(lines)


def run(code, names, page, line):
    """Run a block, as a session where it has prompts; failures name the page and its line."""
    if not re.search(r"^ *>>> ", code, re.MULTILINE):
        exec(compile("\n" * line + code, page, "exec"), names)
        return
    session = doctest.DocTestParser().get_doctest(code, {}, page, page, line)
    session.globs = names
    told = []
    doctest.DocTestRunner(optionflags=FLAGS).run(session, out=told.append, clear_globs=False)
    assert not told, "".join(told)


def wanted(code):
    """The oracles that a block imports and that are not installed."""
    if re.search(r"^ *>>> ", code, re.MULTILINE):
        code = "".join(example.source for example in doctest.DocTestParser().get_examples(code))
    imports = [n for n in ast.walk(ast.parse(code)) if isinstance(n, ast.Import | ast.ImportFrom)]
    names = {getattr(n, "module", None) or n.names[0].name for n in imports}
    absent = {name.partition(".")[0] for name in names} & set(ORACLES)
    return [ORACLES[name] for name in sorted(absent) if importlib.util.find_spec(name) is None]


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_page_runs(page, monkeypatch, tmp_path):
    """One namespace per page, which begins empty, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "__main__"}
    for line, code in blocks(page.read_text(encoding="utf-8")):
        if absent := wanted(code):
            pytest.skip(f"line {line} needs {absent[0]}, which is not installed: make oracles")
        run(code, names, str(page), line)


def test_names_in_the_tables_are_tidegrads():
    text = (ROOT / "docs" / "coming-from.md").read_text(encoding="utf-8")
    for name in re.findall(r"`tg\.((?:\w+\.)*\w+)", text):
        reduce(getattr, name.split("."), tg)


def test_a_wrong_block_is_found():
    page = "# Tide\n\n```python\nx = 1\n```\n\n- then\n\n  ```python\n  >>> x + 1\n  3\n  ```\n"
    (first, second), names = blocks(page), {}
    run(first[1], names, "tide.md", first[0])
    with pytest.raises(AssertionError, match=r'"tide.md", line 10(?s:.*)Expected:\s+3\s+Got:\s+2'):
        run(second[1], names, "tide.md", second[0])
    with pytest.raises(ZeroDivisionError):
        run("1 / 0\n", names, "tide.md", 3)
