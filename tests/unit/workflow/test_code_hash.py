"""What a stage's code is: the modules that it imports, and what they do."""

import os

from nuclei.workflow.code_hash import code_hash, local_modules


def test_direct_indirect_and_late_imports_count(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("")
    (tmp_path / "package/one.py").write_text("import two\n")
    (tmp_path / "two.py").write_text("import os\n")
    (tmp_path / "unused.py").write_text("")
    (tmp_path / "main.py").write_text("def f():\n    from package import one\n")
    found = local_modules(tmp_path / "main.py")
    assert [os.path.relpath(path, tmp_path) for path in found] == [
        "main.py",
        "package/__init__.py",
        "package/one.py",
        "two.py",
    ]


def test_comments_docstrings_and_layout_change_nothing(tmp_path):
    def found(text):
        (tmp_path / "module.py").write_text(text)
        return code_hash(tmp_path / "module.py")

    code = 'def f(a):\n    """Says what."""\n    return a + 1\n'
    assert found(code) == found('"""Module."""\n\n\n# why\ndef f( a ):\n    return (a + 1)  # the next\n')
    assert found(code) != found(code.replace("+ 1", "+ 2"))
    assert found("x = 1\n") != found("x = 1.0\n") != found("'x'\nx = 1.0\ny = 'x'\n")
