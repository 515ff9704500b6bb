"""One place per fact: every key is read by code, and no constant is written down twice.

A key is read where its name is asked of its section: `settings.training.batch_size`, or of a name
that stands for the section, since it was assigned from one (`rules = plan.training`) or is annotated
as one (`rules: TrainingSettings`). `beat_schedule.py` names keys by their place. A word that is
merely spelt like a key reads nothing.
"""

import ast
import collections
from pathlib import Path

import pytest
from pydantic import BaseModel

import beat_schedule
from ringrift.settings import Settings
from tests.settings.test_manual import KEYS

ROOT = Path(__file__).parents[2]
CODE = [
    ROOT / "beat_schedule.py",
    *(ROOT / "workers").rglob("*.py"),
    *(ROOT / "ringrift").rglob("*.py"),
]


def sections(model, place=()):
    """Yield each section's place with its model."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield (*place, name), field.annotation
            yield from sections(field.annotation, (*place, name))


SECTIONS = {(): Settings, **dict(sections(Settings))}
#: Name of an attribute or of a class -> the models that it may stand for.
MODELS = collections.defaultdict(set)
for _place, _model in SECTIONS.items():
    MODELS["".join(_place[-1:])].add(_model)
    MODELS[_model.__name__].add(_model)
MODELS["_S"] = MODELS["Settings"]  # its type variable in ringrift/settings/settings.py
MODELS["settings"] = MODELS["Settings"]


class Reads(ast.NodeVisitor):
    """Finds (model, key) of every read in a file; a function's names are its own and those around it."""

    def __init__(self):
        self.found = set()
        self.names = [{}]

    def models(self, node):
        """Return the sections that an expression may be, by what is known of its last word."""
        match node:
            case ast.Name(id=name):
                return next((scope[name] for scope in reversed(self.names) if name in scope), set())
            case ast.Attribute(attr=name):
                return MODELS.get(name, set()) | FIELDS.get(name, set())
            case ast.IfExp(body=body, orelse=other):
                return self.models(body) | self.models(other)
            case ast.Call(func=ast.Attribute(value=value, attr="replace")):
                return self.models(value)
            case ast.Call(func=func):
                return (
                    self.models(func)
                    if isinstance(func, ast.Attribute)
                    else MODELS.get(getattr(func, "id", ""), set())
                )
        return set()

    def note(self, target, models):
        """Remember what a name stands for from here on."""
        if isinstance(target, ast.Name):
            self.names[-1][target.id] = models

    def visit_Assign(self, node):
        """Note `rules = plan.training` and `play, rules = plan.selfplay, plan.training`."""
        self.generic_visit(node)
        for target in node.targets:
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for one, value in zip(target.elts, node.value.elts, strict=False):
                    self.note(one, self.models(value))
            else:
                self.note(target, self.models(node.value))

    def visit_AnnAssign(self, node):
        """Note `rules: TrainingSettings`."""
        self.generic_visit(node)
        self.note(node.target, named(node.annotation))

    def visit_FunctionDef(self, node):
        """Note `def f(rules: TrainingSettings)`."""
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        self.names.append({a.arg: named(a.annotation) for a in arguments})
        self.generic_visit(node)
        self.names.pop()

    def visit_Attribute(self, node):
        """Find `rules.batch_size`."""
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            self.found |= {
                (model, node.attr)
                for model in self.models(node.value)
                if node.attr in model.model_fields
            }


def named(annotation):
    """Return the sections that an annotation names."""
    if annotation is None:
        return set()
    words = {n.id for n in ast.walk(annotation) if isinstance(n, ast.Name)}
    return {model for word in words for model in MODELS.get(word, set())}


def annotated_fields():
    """Return the sections that fields of records are annotated as, by the field's name."""
    found = collections.defaultdict(set)
    for file in CODE:
        for record in ast.walk(ast.parse(file.read_text())):
            for field in record.body if isinstance(record, ast.ClassDef) else ():
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    found[field.target.id] |= named(field.annotation)
    return found


FIELDS = annotated_fields()


def reads(text):
    """Return (model, key) of every read in a program."""
    visitor = Reads()
    visitor.visit(ast.parse(text))
    return visitor.found


@pytest.fixture(scope="module")
def read():
    """The place of every key that is read."""
    found = set().union(*(reads(file.read_text()) for file in CODE))
    places = {(*place, key) for place, model in SECTIONS.items() for m, key in found if m is model}
    return places | {tuple(row.period.split(".")) for row in beat_schedule.SCHEDULE}


@pytest.mark.parametrize("place", KEYS, ids=".".join)
def test_each_key_is_read(place, read):
    """A key that no code reads would be a promise that nothing keeps."""
    assert place in read, f"nothing reads {'.'.join(place)}"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x = settings.training.threads", "threads"),
        ("def f(rules: TrainingSettings | None): return rules.threads", "threads"),
        (
            "def f(plan):\n play, rules = plan.selfplay, plan.training\n return rules.threads",
            "threads",
        ),
        ("def f(s):\n rules = s.training\n def g(): return rules.threads", "threads"),
        ("def f(rules): return rules.threads", None),
        ("threads = settings.selfplay.threads", None),
        ("settings.training.threads_ = 1", None),
        ("'training.threads'", None),
        ("def f(s):\n rules = s.training\ndef g(rules): return rules.threads", None),
    ],
)
def test_what_counts_as_read(text, key):
    """Only a name asked of its section counts: not the same word of something else, nor a text."""
    model = SECTIONS[("training",)]
    assert reads(text) == ({(model, key)} if key else set()) | (reads(text) - {(model, "threads")})


#: What a constant is called, and what is too plain to be a fact of its own.
PLAIN = (None, True, False, 0, 1, 2, "", 0.0, 1.0)


def test_no_constant_is_written_down_twice():
    """No two modules give the same name the same value: one of them would be forgotten."""
    found = collections.defaultdict(set)
    for file in CODE:
        for node in ast.parse(file.read_text()).body:
            targets = (
                node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            )
            value = getattr(node, "value", None)
            for target in targets:
                if (
                    isinstance(target, ast.Name)
                    and target.id.isupper()
                    and isinstance(value, ast.Constant)
                    and value.value not in PLAIN
                ):
                    found[target.id, value.value].add(str(file.relative_to(ROOT)))
    twice = [(name, sorted(files)) for (name, _), files in found.items() if len(files) > 1]
    assert not twice
