"""The rules themselves: a good notebook passes them all, and each kind of damage is named by its rule."""

import copy

import notebook_rules as rules
import pytest

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def markdown(source, *tags):
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)}, "source": source}


def code(source, *tags, outputs=(), count=0):
    metadata = {"tags": list(tags)}
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": list(outputs),
        "execution_count": count,
    }


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def picture(alt):
    metadata = {"image/png": {"alt": alt}} if alt is not None else {}
    return {"output_type": "display_data", "data": {"image/png": PIXEL}, "metadata": metadata}


def solved(number):
    return [
        markdown(f"### Exercise {number}\n\nWrite the square."),
        code("def square(x):\n    raise NotImplementedError\n\nassert square(3) == 9", "exercise", "raises-exception"),
        markdown(
            "<details><summary>Solution</summary>\n\n```python\ndef square(x):\n    return x * x\n```\n\n</details>",
            "solution",
        ),
    ]


def good_notebook():
    body = [
        markdown("# A chapter\n\nWe write $\\ell(z)$ and see [below](#The-loss).\n\n$$\n\\ell = z^2 \\tag{1}\n$$"),
        code("import sys", "colab"),
        code('profile = "auto"\nseed = 0', "parameters"),
        code("import math", "setup"),
        markdown("## The loss"),
        *[code(f"print({n})", "nbval-check-output", outputs=[stream(f"{n}\n")]) for n in range(6)],
        code("plot()", outputs=[picture("Loss against prediction, a parabola")]),
        markdown("## Claims, checked"),
        markdown("## Exercises"),
        *solved(1),
        *solved(2),
        *solved(3),
        markdown("## References"),
        markdown("## Provenance"),
    ]
    for number, cell in enumerate((cell for cell in body if cell["cell_type"] == "code"), start=1):
        cell["execution_count"] = number
    record = {"profile": "full", "seed": 0, "versions": {}, "source_hash": "a", "code_hash": "b"}
    return {
        "cells": body,
        "metadata": {"kernelspec": {"name": "python3"}, "lossbook": record},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.__name__)
def test_a_good_notebook_passes(rule):
    assert list(rule(good_notebook())) == []


def add(cell):
    return lambda notebook: notebook["cells"].insert(5, cell)


def set_outputs(*outputs):
    return lambda notebook: notebook["cells"][11].update(outputs=list(outputs))


def without(tag):
    def damage(notebook):
        for cell in notebook["cells"]:
            cell["metadata"]["tags"] = [t for t in cell["metadata"]["tags"] if t != tag]

    return damage


def set_metadata(key, value):
    return lambda notebook: notebook["metadata"].update({key: value})


error = {"output_type": "error", "ename": "ValueError", "evalue": "no", "traceback": []}
widget = {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}, "metadata": {}}

DAMAGE = [
    (rules.unknown_tags, add(code("1", "nbval-chek-output", count=5))),
    (rules.missing_tags, without("colab")),
    (rules.missing_tags, without("parameters")),
    (rules.missing_tags, without("setup")),
    (rules.missing_tags, lambda notebook: notebook["cells"][2].update(source="seed = 0")),
    (rules.wrong_metadata, set_metadata("widgets", {})),
    (rules.wrong_metadata, set_metadata("kernelspec", {"name": "my-env"})),
    (rules.wrong_metadata, set_metadata("lossbook", {})),
    (rules.wrong_order, add(code("1", count=99))),
    (rules.wrong_order, lambda notebook: notebook["cells"][1].update(execution_count=None)),
    (rules.bad_outputs, set_outputs(error)),
    (rules.bad_outputs, set_outputs(stream("50%", "stderr"))),
    (rules.bad_outputs, set_outputs(stream("UserWarning: mind the gap"))),
    (rules.bad_outputs, set_outputs(stream("saved in /home/someone/book"))),
    (rules.bad_outputs, set_outputs(stream("File \x1b[32m/home/someone/book.py\x1b[39m"))),
    (rules.bad_outputs, set_outputs(stream("saved in C:\\Users\\someone"))),
    (rules.bad_outputs, set_outputs(widget)),
    (rules.pictures_without_alt, set_outputs(picture(None))),
    (rules.pictures_without_alt, set_outputs(picture("plot.png"))),
    (rules.pictures_without_alt, set_outputs(picture("<Figure size 640x480 with 1 Axes>"))),
    (rules.pictures_without_alt, add(markdown("![](picture.png)"))),
    (rules.pictures_not_readable, set_outputs({**picture("a b c"), "data": {"image/png": "AAAA"}})),
    (rules.too_few_checked_cells, without("nbval-check-output")),
    (rules.too_few_checked_cells, add(code("1", "nbval-check-output", count=5))),
    (rules.long_cells, add(code("x = 1\n" * 21, count=5))),
    (rules.not_portable, add(markdown("See {ref}`there`."))),
    (rules.not_portable, add(markdown("```{note}\nA note.\n```"))),
    (rules.not_portable, add(markdown(":::{note}\nA note.\n:::"))),
    (rules.not_portable, add(markdown("(target)=\n## Heading"))),
    (rules.not_portable, add(markdown("- [ ] to do"))),
    (rules.not_portable, add(markdown("<div>x</div>"))),
    (rules.broken_details, add(markdown("<details><summary>S</summary>\ntext\n\n</details>"))),
    (rules.broken_details, add(markdown("<details><summary>S</summary>\n\ntext\n</details>"))),
    (rules.broken_details, add(markdown("<details><summary>S</summary>\n\ntext"))),
    (rules.literal_dollars, add(markdown("It costs 5$ a run."))),
    (rules.literal_dollars, add(markdown("It costs \\$5 a run."))),
    (rules.literal_dollars, add(markdown("An unclosed $\\frac{1} formula."))),
    (rules.broken_math, add(markdown("$$\n\\bm{x}\n$$"))),
    (rules.broken_math, add(markdown("$$\n\\begin{align}x\\end{align}\\tag{1}\n$$"))),
    (rules.broken_math, add(markdown("$$\n\\frac{1{2}\n$$"))),
    (rules.broken_math, add(markdown("The loss $$x^2$$ grows."))),
    (rules.wrong_headings, add(markdown("# Another title"))),
    (rules.wrong_headings, add(markdown("#### Too deep"))),
    (rules.wrong_headings, add(markdown("## The loss"))),
    (rules.missing_sections, lambda notebook: notebook["cells"].pop()),
    (rules.weak_exercises, without("solution")),
    (rules.weak_exercises, without("exercise")),
]


@pytest.mark.parametrize(("rule", "damage"), DAMAGE, ids=[rule.__name__ for rule, _ in DAMAGE])
def test_damage_is_named(rule, damage):
    notebook = copy.deepcopy(good_notebook())
    damage(notebook)
    assert list(rule(notebook)) != []


@pytest.mark.parametrize(
    "text",
    [
        "Costs `5$` and `$HOME`, in code.",
        "Both $a$ and $b$.",
        "A formula over\n$a +\nb$ two lines.",
        "$$\nx = \\$5\n$$",
    ],
)
def test_dollars_of_formulas_and_code_pass(text):
    assert list(rules.literal_dollars({"cells": [markdown(text)]})) == []


def test_details_with_blank_lines_pass():
    text = "<details>\n<summary>Solution</summary>\n\n$$\nx\n$$\n\n</details>"
    assert list(rules.broken_details({"cells": [markdown(text)]})) == []


@pytest.mark.parametrize("address", ["nowhere.md", "#No-such-heading", "http://example.org", "mailto:me@example.org"])
def test_broken_links_are_named(address, tmp_path):
    notebook = good_notebook()
    notebook["cells"].append(markdown(f"[text]({address})"))
    assert list(rules.broken_links(notebook, tmp_path)) != []


def test_good_links_pass(tmp_path):
    (tmp_path / "page.md").touch()
    notebook = good_notebook()
    notebook["cells"].append(markdown("[a](page.md#x), [b](https://doi.org/10.1/2), [c](#The-loss)"))
    assert list(rules.broken_links(notebook, tmp_path)) == []


def test_a_solution_replaces_its_stub():
    (first, *_) = rules.exercises(good_notebook())
    namespace = {}
    exec(first.solved(), namespace)
    assert namespace["square"](4) == 16
    with pytest.raises(NotImplementedError):
        exec("\n".join(first.stubs), {})


def test_functions_of_a_chapter_are_found(tmp_path):
    import json

    notebook = good_notebook()
    notebook["cells"].append(code("def double(x):\n    return 2 * math.sqrt(x * x)\n\nboom()"))
    path = tmp_path / "99_test.ipynb"
    path.write_text(json.dumps(notebook))
    assert rules.chapter_functions(path)["double"](3) == 6
