import shutil

import pytest

from mssbench import provenance
from mssbench.provenance import digest, source_digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package whose files a test may edit."""
    copy = tmp_path / "mssbench"
    shutil.copytree(provenance.PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(provenance, "PACKAGE", copy)
    forget()
    yield copy
    forget()


def forget():
    provenance.imports.cache_clear()
    provenance.significant_text.cache_clear()


def after_edit(path, text, *modules):
    path.write_text(path.read_text() + text)
    forget()
    return source_digest(*modules)


def test_digest_ignores_the_order_of_keys_and_sees_every_value():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1, "b": [1, 2]}) != digest({"a": 1, "b": [2, 1]})
    with pytest.raises(ValueError, match="JSON"):
        digest({"a": float("nan")})


def test_figure_code_is_no_part_of_training(package):
    train, figures = "mssbench.commands.train", "mssbench.commands.figures"
    before = source_digest(train), source_digest(figures)
    assert after_edit(package / "report" / "figures" / "boxes.py", "X = 1\n", train) == before[0]
    assert source_digest(figures) != before[1]


def test_imports_inside_functions_count(package):
    before = source_digest("mssbench.commands.train")
    assert (
        after_edit(package / "training" / "loop.py", "X = 1\n", "mssbench.commands.train") != before
    )


# Where a statement may stand; each of these places holds an import.
PLACES = """
import mssbench.atomic
class A:
    async def method(self):
        async with self:
            from mssbench import errors
try:
    import mssbench.progress
except* ImportError:
    import mssbench.validation
else:
    import mssbench.workers
finally:
    import mssbench.runs
for _ in ():
    pass
else:
    while True:
        import mssbench.study
match 1:
    case 1:
        import mssbench.sweeps
if lambda: 1 if 2 else 3:
    pass
elif 2:
    import mssbench.published
"""


def test_imports_count_wherever_they_stand(package):
    (package / "places.py").write_text(PLACES)
    names = ("atomic", "errors", "progress", "validation", "workers", "runs", "study", "sweeps")
    expected = {f"mssbench.{name}" for name in (*names, "published")}
    # The package itself is named by "from mssbench import".
    assert provenance.imports("mssbench.places") - {"mssbench"} == expected


def test_comments_do_not_count(package):
    before = source_digest("mssbench.training.loop")
    loop = package / "training" / "loop.py"
    assert after_edit(loop, "# a remark\n\n", "mssbench.training.loop") == before


def test_one_model_is_no_part_of_another(package):
    modules = "mssbench.commands.train", "mssbench.models.htmd_net"
    before = source_digest(*modules)
    assert after_edit(package / "models" / "wave_u_net.py", "X = 1\n", *modules) == before
    assert after_edit(package / "models" / "registry.py", "X = 1\n", *modules) == before
    assert after_edit(package / "models" / "htmd_net.py", "X = 1\n", *modules) != before


def test_what_is_left_out_does_not_count(package):
    module, left_out = "mssbench.commands.train", "mssbench.tracking"
    before = source_digest(module), source_digest(module, without=left_out)
    edited = package / "tracking" / "run.py"
    assert after_edit(edited, "X = 1\n", module) != before[0]
    assert source_digest(module, without=left_out) == before[1]
