"""The rules as the Snakefile and rules/*.smk write them: read as text, so that no config chooses among them."""

import ast
import re
from dataclasses import dataclass
from textwrap import dedent

from conftest import ROOT

HEAD = r"^( *)(?:rule (\w+)|use rule (\w+) as (\w+) with):\n((?:\1 +\S.*\n|[ ]*\n)*)"


@dataclass
class Rule:
    """A rule: its name, the rule whose script it runs (itself without `use rule`), and {section: its text}."""

    name: str
    script: str
    sections: dict

    @property
    def shell(self):
        """The shell command as it is written, one text; "" for a target without one."""
        return ast.literal_eval(f"({self.sections['shell']})") if "shell" in self.sections else ""

    def items(self, section):
        """[(name, expression)] of a section; the name is None for what is unnamed, such as *code(…)."""
        call = ast.parse(f"_(\n{self.sections.get(section, '')}\n)", mode="eval").body
        return [(None, value) for value in call.args] + [(word.arg, word.value) for word in call.keywords]


def sections(body, indent):
    """{name: text} of the sections of a rule's body."""
    parts = re.split(rf"^{' ' * (indent + 4)}(\w+):", body, flags=re.MULTILINE)
    return {name: dedent(text).strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}


def with_kept(theirs, own):
    """The params of a used rule: those of its parent are kept where it has none of their name, as Snakemake does."""
    parent, child = (ast.parse(f"_(\n{text}\n)", mode="eval").body for text in (theirs, own))
    names = {word.arg for word in child.keywords}
    kept = [] if child.args else parent.args
    kept += [word for word in parent.keywords if word.arg not in names]
    texts = [ast.get_source_segment(f"_(\n{theirs}\n)", word) for word in kept]
    return ",\n".join([*texts, own])


def read_rules(folder=ROOT):
    """{name: Rule} of every rule of a project, also of those that its config leaves out."""
    found = {}
    for path in [folder / "Snakefile", *sorted(folder.glob("rules/*.smk"))]:
        for indent, name, parent, used, body in re.findall(HEAD, path.read_text(), re.MULTILINE):
            own = sections(body, len(indent))
            if parent:
                theirs = found[parent].sections
                if "params" in own:
                    own["params"] = with_kept(theirs["params"], own["params"])
                found[used] = Rule(used, found[parent].script, theirs | own)
            else:
                found[name] = Rule(name, name, own)
    return found


def code_stages(rules):
    """{script: environment} of what params name by code("script", "environment"): what a change of code reruns."""
    found = {}
    for rule in rules.values():
        for match in re.finditer(r'\*code\("(\w+)", "(\w+)"\)', rule.sections.get("params", "")):
            found[match[1]] = match[2]
    return found


def local_rules(rules):
    """Names of the rules that run where Snakemake runs, on no node of a cluster."""
    listed = re.search(r"^localrules:\n((?: +\w+,\n)+)", (ROOT / "Snakefile").read_text(), re.MULTILINE)[1]
    own = {name for name, rule in rules.items() if rule.sections.get("localrule", "").startswith("True")}
    return own | {*re.findall(r"\w+", listed)}
